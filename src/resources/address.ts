import { ProvisionError } from '../model/error.ts';
import { addressOf, contains, networkOf } from '../model/ipv4.ts';
import type { Facts, Fields, FieldValue, ProbeOutput, Resource, ResourceChange } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import { addressSaving } from './address-saving.ts';
import type { Saving } from './address-saving.ts';
import { restartNetworkd } from './networkd-restart.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS, listDifference } from './describe.ts';
import { parseNic, readNic, wasRead } from './nic-manager.ts';
import type { NicReading } from './nic-manager.ts';

export interface SecondaryAddressesProps {
  readonly nic: string;
  /** `a.b.c.d/nn`: must be there, and is never changed; null = nothing is asserted. */
  readonly primary: string | null;
  /** `a.b.c.d/nn` each. */
  readonly addresses: readonly string[];
  /** Must be the NIC's own, where it is given. */
  readonly mac?: string | undefined;
}

/** A resource of one host, whose files are known. */
interface Placed extends SecondaryAddressesProps {
  readonly reading: NicReading | null;
  readonly saving: Saving;
}

interface AddressState {
  readonly live: Fields | null;
  readonly saved: Fields | null;
}

/**
 * What is added for an address: inside the primary's network a /32, as clouds' own tools do it. With the primary's
 * prefix the kernel takes whichever comes up first for the primary (masquerade then uses the wrong one) and deletes
 * the others along with it, and networkd does delete and add it again whenever its file changes.
 */
const targetOf = (block: string, primary: string | null): string =>
  primary !== null && contains(networkOf(primary), addressOf(block)) ? `${addressOf(block)}/32` : block;

const targetsOf = ({ addresses, primary }: SecondaryAddressesProps): string[] =>
  addresses.map((block) => targetOf(block, primary)).toSorted();

const HEAD = '# Written by provision. Changes made here are put back by the next run.';
const STANZA = /^iface \S+ inet static$/;

function textOf(nic: string, blocks: readonly string[], saving: Saving): string | null {
  if (blocks.length === 0 || 'refused' in saving) return null;
  const lines =
    saving.format === 'networkd'
      ? ['[Network]', ...blocks.map((block) => `Address=${block}`)]
      : blocks.flatMap((block) => [`iface ${nic} inet static`, `\taddress ${block}`]);
  return `${[HEAD, ...lines].join('\n')}\n`;
}

/** Our own file → its addresses, and whatever else somebody has written into it. */
function savedFields(text: string | null): Fields | null {
  if (text === null) return null;
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && line !== '[Network]' && !STANZA.test(line));
  const address = (line: string): string | undefined => /^(?:Address=|address )(\S+)$/.exec(line)?.[1];
  return {
    addresses: lines.flatMap((line) => address(line) ?? []).toSorted(),
    other: lines.filter((line) => address(line) === undefined).toSorted(),
  };
}

const listOf = (fields: Fields | null): readonly string[] => {
  const value: FieldValue = fields?.['addresses'] ?? null;
  return Array.isArray(value) ? (value as readonly string[]) : [];
};

const fieldsOf = (blocks: readonly string[], more: Fields = {}): Fields | null =>
  blocks.length === 0 ? null : { addresses: [...new Set(blocks)].toSorted(), ...more };

/** Of the addresses on the NIC only the declared ones, and those that our file once brought, are ours to speak of. */
function liveFields(props: Placed): Fields | null {
  const targets = targetsOf(props);
  const formerly = savedFields('refused' in props.saving ? null : props.saving.text);
  const ours = (props.reading?.addresses ?? []).flatMap(({ block }): string[] => {
    const target = targets.find((wanted) => addressOf(wanted) === addressOf(block));
    // In the primary's network the prefix length that somebody else has given it does no harm.
    if (target !== undefined) return target.endsWith('/32') ? [target] : [block];
    return listOf(formerly).includes(block) ? [block] : [];
  });
  return fieldsOf(ours);
}

function assertNic({ nic, primary, mac, reading }: Placed): void {
  if (primary === null) return;
  const fail = (message: string, hint: string): never => {
    throw new ProvisionError('host-unsupported', message, { hint });
  };
  if (reading === null) {
    return fail(`the host has no interface ${nic}.`, 'Look at `ip link` there, and correct nics.');
  }
  const has = reading.addresses.map(({ block }) => block).join(', ') || 'no address';
  if (mac !== undefined && mac.toLowerCase() !== reading.mac) {
    fail(
      `${nic} has the MAC address ${reading.mac}, not ${mac}.`,
      `Look at \`ip link\` there: correct nics.${nic}.mac, or write the name of the interface that has it.`,
    );
  }
  const own = reading.addresses.find(({ block }) => addressOf(block) === addressOf(primary));
  if (own === undefined) {
    return fail(
      `${nic} does not hold its primary address ${addressOf(primary)}: it has ${has}.`,
      `A primary address is never changed: correct nics.${nic}.address, or configure the interface.`,
    );
  }
  if (own.behindAnother) {
    fail(
      `${addressOf(primary)} is not the primary address of ${nic}: another of its network came first (${has}).`,
      'What leaves by masquerade would carry that one. Give the other the prefix length 32, or mend the order.',
    );
  }
}

const delivered = (nic: string, block: string): string =>
  sh`ip -4 -o addr show dev ${nic} to ${block} | grep -qF ${` ${block} `}`;

/**
 * Takes one address away and no other: without `promote_secondaries` the kernel deletes all of its network that came
 * after it (ip-sysctl.rst), ours and those of others. Where /proc/sys cannot be written, it is as it is.
 */
const takeAway = (nic: string, block: string): string =>
  [
    `if ${delivered(nic, block)}; then`,
    sh`promote=${`/proc/sys/net/ipv4/conf/${nic}/promote_secondaries`}`,
    'was=$(cat "$promote") code=0',
    '{ echo 1 > "$promote"; } 2>/dev/null || true',
    sh`ip addr del ${block} dev ${nic} || code=$?`,
    '{ echo "$was" > "$promote"; } 2>/dev/null || true',
    '[ "$code" -eq 0 ]',
    'fi',
  ].join('\n');

/** A drop-in directory that nobody else uses goes with the drop-in. */
const removeSaved = (path: string): string =>
  path.endsWith('.conf')
    ? `${removeFile(path)}\n${sh`rmdir ${path.slice(0, path.lastIndexOf('/'))} 2>/dev/null || true`}`
    : removeFile(path);

const addressesOfNic = defineResource<Placed, AddressState>({
  kind: 'addresses',
  name: ({ nic }) => nic,
  desired: (props) => {
    const targets = targetsOf(props);
    const live = fieldsOf(targets);
    // What another tool manages is as saved as it makes it; whether it is there was asked before.
    return { live, saved: 'refused' in props.saving ? null : fieldsOf(targets, { other: [] }) };
  },
  probe: ({ nic }) => readNic(nic),
  parse: (_output, props) => ({
    live: liveFields(props),
    saved: 'refused' in props.saving ? null : savedFields(props.saving.text),
  }),
  transition: ({ from, to, text }, { nic, saving }) => {
    const { extra, missing } = listDifference(listOf(from.live), listOf(to.live));
    const steps = [
      ...extra.map((block) => takeAway(nic, block)),
      ...missing.map((block) => sh`ip addr replace ${block} dev ${nic}`),
    ];
    if ('refused' in saving) return { steps };
    const moved = JSON.stringify(from.saved) !== JSON.stringify(to.saved);
    if (moved)
      steps.push(text === null ? removeSaved(saving.file) : writeFile(saving.file, text, { mode: '0644' }));
    return {
      steps,
      paths: [saving.file],
      ...(moved && saving.format === 'networkd' ? { handlers: [restartNetworkd] } : {}),
    };
  },
  sentence: ({ field, layer, before, after }, { nic }) => {
    const { extra, missing } = listDifference(before, after);
    const named = (items: readonly string[]): string =>
      items.map((item) => `${field === 'addresses' ? 'address' : 'line'} ${item}`).join(', ');
    const parts = [
      ...(missing.length > 0 ? [`missing ${LAYER_WORDS[layer]}: ${named(missing)}`] : []),
      ...(extra.length > 0 ? [`not declared but present ${LAYER_WORDS[layer]}: ${named(extra)}`] : []),
    ];
    return `${nic}: ${parts.join('; ')}`;
  },
  cuts: ({ before, after }, { nic }) =>
    listDifference(before, after).extra.map((block) => `address ${addressOf(block)} of ${nic}`),
  text: (_output, props) =>
    'refused' in props.saving
      ? { path: '', before: null, after: null }
      : {
          path: props.saving.file,
          before: props.saving.text,
          after: textOf(props.nic, targetsOf(props), props.saving),
        },
});

const place = (props: SecondaryAddressesProps, { stdout }: ProbeOutput): Placed => {
  const reading = parseNic(stdout, props.nic);
  const saving = (reading && addressSaving(props.nic, reading, targetsOf(props))) ?? {
    file: `/etc/systemd/network/10-${props.nic}.network.d/provision-${props.nic}.conf`,
    format: 'networkd' as const,
    text: null,
  };
  return { ...props, reading, saving };
};

/**
 * Further addresses of a NIC, live and saved where what manages the NIC will find them (systemd-networkd, ifupdown). The
 * primary one is asserted and never changed. Other addresses on the NIC are left alone. Planning throws
 * `host-unsupported` when the NIC is not as declared, or when addresses are missing that another tool must add.
 */
export function secondaryAddresses(props: SecondaryAddressesProps): Resource {
  const { id, kind, probe, phase } = addressesOfNic(place(props, { stdout: '', code: 0 }));
  return {
    ...{ id, kind, probe, phase, declared: JSON.stringify(props) },
    plan(output: ProbeOutput, facts: Facts): ResourceChange | null {
      const placed = place(props, output);
      if (wasRead(output.stdout)) assertNic(placed);
      const { missing } = listDifference(listOf(liveFields(placed)), targetsOf(props));
      if ('refused' in placed.saving && missing.length > 0) {
        throw new ProvisionError(
          'host-unsupported',
          `${props.nic} is configured by ${placed.saving.refused}: ${missing.join(', ')} cannot be saved there by provision.`,
          { hint: placed.saving.hint },
        );
      }
      return addressesOfNic(placed).plan(output, facts);
    },
    planBack: (output, facts, baseline) =>
      addressesOfNic(place(props, output)).planBack(output, facts, baseline),
    baseline: (output, facts) => addressesOfNic(place(props, output)).baseline(output, facts),
  };
}
