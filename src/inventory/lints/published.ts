import { addressOf } from '../../model/ipv4.ts';
import type { EgressEntry } from '../../roles/variables/index.ts';
import { portRanges, publishedParts } from '../../roles/variables/ports.ts';
import type { Path } from '../document.ts';
import { collisions } from './lint.ts';
import type { Lint, LintInput, Stretch } from './lint.ts';

type Vars = LintInput['vars'];

interface Claim extends Stretch {
  /** Whose it is, in words. */
  readonly owner: string;
  /** Where a published port was written; others are told of elsewhere. */
  readonly path: Path | null;
}

type NewClaim = Omit<Claim, 'index'>;

/** Ports that apps are published at, each once: against each other, and against all else that takes ports of the NICs. */
export function lintPublished({ vars }: LintInput): Lint[] {
  if (!vars.egress) return [];
  const claims = [...sshd(vars), ...translated(vars), ...listened(vars), ...published(vars)].map(
    (claim, index): Claim => ({ ...claim, index }),
  );
  return collisions(claims).flatMap(({ earlier, later }): Lint[] => {
    const [address = '', protocol = ''] = later.lane.split(' ');
    if (later.path === null) return [];
    const message = `${protocol} port ${later.from} of ${address} is already taken by ${earlier.owner}`;
    return [{ path: later.path, message, hint: 'Choose another port, or another NIC.' }];
  });
}

const lanes = (addresses: readonly string[], protocols: readonly string[]): string[] =>
  addresses.flatMap((address) => protocols.map((protocol) => `${address} ${protocol}`));
const protocolsOf = (protocol: string): string[] =>
  protocol === 'any' || protocol === 'tcp+udp' ? ['tcp', 'udp'] : [protocol];

/** The NIC's address that an entry of `egress` is published at; the name of a NIC that nobody declares. */
function addressOfEntry({ nic, eip }: EgressEntry, { nics, eips }: Vars): string {
  const chosen = eip === undefined ? undefined : eips?.[eip];
  const own = nics?.[nic];
  return chosen?.private ?? (own ? addressOf(own.address) : nic);
}

function published(vars: Vars): NewClaim[] {
  const claim = (entry: EgressEntry, owner: string, texts: readonly string[], path: Path): NewClaim[] =>
    texts.map((text, position) => {
      const { outer, protocol } = publishedParts(text);
      const lane = `${addressOfEntry(entry, vars)} ${protocol}`;
      return { lane, from: outer, to: outer, owner, path: [...path, position] };
    });
  return (vars.egress ?? []).flatMap((entry, index) => [
    ...claim(entry, entry.name, entry.publish ?? [], ['egress', index, 'publish']),
    ...(entry.containers ?? []).flatMap(({ name, publish }, at) =>
      claim(entry, `the container ${name}`, publish, ['egress', index, 'containers', at, 'publish']),
    ),
  ]);
}

/** Of the one address that provision reaches the host by. */
function sshd({ ansible_host: host, ansible_port, eips }: Vars): NewClaim[] {
  if (typeof host !== 'string') return [];
  const mapped = Object.values(eips ?? {}).find((eip) => eip.public === host);
  const port = Number(ansible_port ?? 22);
  const owner = 'sshd, by which provision reaches this host';
  return lanes([mapped?.private ?? host], ['tcp']).map((lane) => ({
    lane,
    from: port,
    to: port,
    owner,
    path: null,
  }));
}

/** Entries of `nat.dnat` but for `any`, which gives way to single ports. */
function translated({ nat, eips }: Vars): NewClaim[] {
  return (nat?.dnat ?? []).flatMap(({ name, eip, protocol, port }): NewClaim[] => {
    const address = eips?.[eip]?.private;
    if (address === undefined || port === undefined || protocol === 'any') return [];
    return portRanges(port).flatMap((range) =>
      lanes([address], protocolsOf(protocol)).map((lane) => ({
        ...{ lane, ...range, path: null },
        owner: `the entry ${name} of nat.dnat`,
      })),
    );
  });
}

function listened({ listeners, eips }: Vars): NewClaim[] {
  return (listeners ?? []).flatMap(({ name, address, port, protocol }): NewClaim[] => {
    if (address === undefined || port === undefined) return [];
    const mapped = Object.values(eips ?? {}).find((eip) => eip.public === address);
    return portRanges(port).flatMap((range) =>
      lanes([mapped?.private ?? address], protocolsOf(protocol)).map((lane) => ({
        ...{ lane, ...range, path: null },
        owner: `the listener ${name}`,
      })),
    );
  });
}
