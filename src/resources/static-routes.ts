import { ProvisionError } from '../model/error.ts';
import type { Fields, FieldValue, Probe, ProbeOutput, Resource } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { parseReadFile, removeFile, writeFile } from '../shell/write-file.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS, listDifference } from './describe.ts';
import { restartNetworkd } from './networkd-restart.ts';
import { parseNic, readNic, wasRead } from './nic-manager.ts';

/** A way to one address by a router that the NIC reaches. */
export interface StaticRoute {
  readonly to: string;
  readonly via: string;
}

export interface StaticRoutesProps {
  readonly nic: string;
  /** Empty = none of ours. */
  readonly routes: readonly StaticRoute[];
}

/** Where they are saved; null = by something that provision does not write for. */
type Saving = { readonly file: string; readonly byNetworkd: boolean; readonly text: string | null } | null;

/** A resource of one host, whose files are known. */
interface Placed extends StaticRoutesProps {
  readonly saving: Saving;
  /** `TO via ROUTER` of every route to one address by this NIC. */
  readonly live: readonly string[];
}

interface RoutesState {
  readonly live: Fields | null;
  readonly saved: Fields | null;
}

const HEAD = '# Written by provision. Changes made here are put back by the next run.';
const dropInName = (nic: string): string => `provision-routes-${nic}.conf`;
const stanzaFile = (nic: string): string =>
  `/etc/network/interfaces.d/provision-routes-${nic.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;

/** What the NIC's manager is, its routes, and the file of ours in either form. */
const probe = (nic: string): Probe =>
  readNic(nic, [
    'echo "== routes"',
    sh`ip -4 route show dev ${nic}`,
    'echo "== routes drop-in"',
    sh`saved=/etc/systemd/network/"\${file##*/}".d/${dropInName(nic)}`,
    'if [ -n "$file" ] && [ -f "$saved" ]; then echo present; cat "$saved"; else echo absent; fi',
    'echo "== routes stanza"',
    sh`if [ -f ${stanzaFile(nic)} ]; then echo present; cat ${stanzaFile(nic)}; else echo absent; fi`,
  ]);

/** What stands below `== NAME`. */
function part(stdout: string, name: string): string {
  const [, text = ''] = stdout.split(`\n== ${name}\n`);
  return text.split(/^== /m)[0] ?? '';
}

const wordsOf = ({ to, via }: StaticRoute): string => `${to} via ${via}`;
const partsOf = (words: string): StaticRoute => {
  const [to = '', , via = ''] = words.split(' ');
  return { to, via };
};

function place(props: StaticRoutesProps, { stdout }: ProbeOutput): Placed {
  const { nic } = props;
  const manager = parseNic(stdout, nic)?.manager ?? null;
  const live = part(stdout, 'routes')
    .split('\n')
    .flatMap((line) => /^([\d.]+) via ([\d.]+)/.exec(line)?.slice(1, 3).join(' via ') ?? []);
  const networkd = (network: string, text: string | null): Saving => ({
    file: `/etc/systemd/network/${network}.d/${dropInName(nic)}`,
    byNetworkd: true,
    text,
  });
  // Where nobody has read the host, it stands as a new one with networkd.
  if (manager === null) return { ...props, live, saving: networkd(`10-${nic}.network`, null) };
  if (manager.by === 'systemd-networkd')
    return {
      ...props,
      live,
      saving: networkd(manager.network, parseReadFile(part(stdout, 'routes drop-in'))),
    };
  const byStanza = manager.by === 'ifupdown' && manager.reads && !manager.cloudInit;
  const text = parseReadFile(part(stdout, 'routes stanza'));
  return { ...props, live, saving: byStanza ? { file: stanzaFile(nic), byNetworkd: false, text } : null };
}

function textOf({ nic, routes, saving }: Placed): string | null {
  if (saving === null || routes.length === 0) return null;
  const sections = saving.byNetworkd
    ? routes.map(({ to, via }) => `\n[Route]\nDestination=${to}/32\nGateway=${via}`)
    : [
        `iface ${nic} inet manual`,
        ...routes.map(
          ({ to, via }) => `\tup ip -4 route replace ${to}/32 via ${via} dev ${nic} proto static`,
        ),
      ];
  return `${[HEAD, ...sections].join('\n')}\n`;
}

/** A file of ours → its routes, and what else somebody has written into it. */
function savedFields(text: string | null): Fields | null {
  if (text === null) return null;
  const routes = [
    ...text.matchAll(/^\[Route\]\nDestination=([\d.]+)\/32\nGateway=([\d.]+)$/gm),
    ...text.matchAll(/^\tup ip -4 route replace ([\d.]+)\/32 via ([\d.]+) dev \S+ proto static$/gm),
  ].map(([, to = '', via = '']) => wordsOf({ to, via }));
  const known =
    /^(#.*|\[Route\]|Destination=.*|Gateway=.*|iface \S+ inet manual|\tup ip -4 route replace .*)?$/;
  return { routes: routes.toSorted(), other: text.split('\n').filter((line) => !known.test(line)) };
}

const listOf = (fields: Fields | null): readonly string[] => {
  const value: FieldValue = fields?.['routes'] ?? null;
  return Array.isArray(value) ? (value as readonly string[]) : [];
};
const fieldsOf = (routes: readonly string[], more: Fields = {}): Fields | null =>
  routes.length === 0 ? null : { routes: [...new Set(routes)].toSorted(), ...more };

const routesOfNic = defineResource<Placed, RoutesState>({
  kind: 'routes',
  name: ({ nic }) => nic,
  desired: ({ routes, saving }) => {
    const wanted = routes.map(wordsOf);
    return { live: fieldsOf(wanted), saved: saving === null ? null : fieldsOf(wanted, { other: [] }) };
  },
  probe: ({ nic }) => probe(nic),
  // Of the NIC's routes only those to declared addresses, and those that our file once brought, are ours to speak of.
  parse: (_output, { routes, saving, live }) => {
    const formerly = listOf(savedFields(saving?.text ?? null));
    const declared = routes.map(({ to }) => to);
    return {
      live: fieldsOf(
        live.filter((words) => formerly.includes(words) || declared.includes(partsOf(words).to)),
      ),
      saved: saving === null ? null : savedFields(saving.text),
    };
  },
  transition: ({ from, to, text }, { nic, saving }) => {
    const { extra, missing } = listDifference(listOf(from.live), listOf(to.live));
    const kept = new Set(missing.map((words) => partsOf(words).to));
    const live = [
      ...missing
        .map(partsOf)
        .map((route) => sh`ip -4 route replace ${`${route.to}/32`} via ${route.via} dev ${nic} proto static`),
      ...extra
        .map(partsOf)
        .filter((route) => !kept.has(route.to))
        .map(
          (route) => sh`ip -4 route del ${`${route.to}/32`} via ${route.via} dev ${nic} 2>/dev/null || true`,
        ),
    ];
    if (saving === null) return { steps: live };
    const moved = JSON.stringify(from.saved) !== JSON.stringify(to.saved);
    return {
      writes: moved
        ? [text === null ? removeFile(saving.file) : writeFile(saving.file, text, { mode: '0644' })]
        : [],
      steps: live,
      ...(moved && saving.byNetworkd ? { handlers: [restartNetworkd] } : {}),
      paths: [saving.file],
    };
  },
  sentence: ({ layer, before, after }, { nic }) => {
    const { extra, missing } = listDifference(before, after);
    const where = LAYER_WORDS[layer];
    const named = (all: readonly string[]): string => all.map((words) => `route to ${words}`).join(', ');
    const parts = [
      ...(missing.length > 0 ? [`missing ${where}: ${named(missing)}`] : []),
      ...(extra.length > 0 ? [`not declared but present ${where}: ${named(extra)}`] : []),
    ];
    return `${nic}: ${parts.join('; ')}`;
  },
  text: (_output, placed) => ({
    path: placed.saving?.file ?? '',
    before: placed.saving?.text ?? null,
    after: textOf(placed),
  }),
});

/**
 * Ways to single addresses by routers that a NIC reaches, live and saved where what manages the NIC finds them
 * (systemd-networkd, ifupdown). Other routes are left alone. Planning throws `host-unsupported` where routes are missing
 * that another tool must add.
 */
export function staticRoutes(props: StaticRoutesProps): Resource {
  const { id, kind, probe: text, phase } = routesOfNic(place(props, { stdout: '', code: 0 }));
  const plan: Resource['plan'] = (output, facts, around) => {
    const placed = place(props, output);
    const missing = props.routes.map(wordsOf).filter((words) => !placed.live.includes(words));
    if (placed.saving === null && missing.length > 0 && wasRead(output.stdout)) {
      throw new ProvisionError(
        'host-unsupported',
        `${props.nic} is configured by something that provision does not write for: the route to ${missing.join(', ')} cannot be saved.`,
        { hint: 'Add it by what configures the interface. Once it is there, the host is taken as it is.' },
      );
    }
    return routesOfNic(placed).plan(output, facts, around);
  };
  return {
    ...{ id, kind, phase, probe: text, plan, declared: JSON.stringify(props) },
    // A file of ours: before the first run there was nothing to return to.
    planBack: (output, facts) => plan(output, facts),
    baseline: () => null,
  };
}
