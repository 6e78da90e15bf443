import { formatAddress } from '../model/ipv4.ts';
import { ProvisionError } from '../model/error.ts';
import type { Fields, FieldValue } from '../model/resource.ts';
import {
  classField,
  DEVICES,
  DIRECTIONS,
  EXEMPT_PRIORITY,
  rateValue,
  REDIRECT_PRIORITY,
  sortedWord,
} from './shaping-plan.ts';
import type { Direction, ShapeClass, ShapingPlan } from './shaping-plan.ts';

/**
 * Shell text that prints what tc(8) says of our devices and of every NIC with a clsact qdisc. One process where there
 * is neither. As text: tc of iproute2 6.1 has no JSON for HTB, and breaks off its JSON of u32.
 */
export const readShaping = `
qdiscs=$(tc qdisc show)
echo '== qdiscs'
printf '%s\\n' "$qdiscs"
for ifb in ${DIRECTIONS.map((direction) => DEVICES[direction]).join(' ')}; do
  read -r flags </sys/class/net/$ifb/flags || continue
  echo "== device $ifb $flags"
  tc class show dev $ifb
  tc filter show dev $ifb parent 1:
done
case $qdiscs in *'qdisc clsact '*)
  printf '%s\\n' "$qdiscs" | while read -r _ kind _ _ nic _; do
    [ "$kind" = clsact ] || continue
    echo "== nic $nic"
    tc filter show dev "$nic" egress
    tc filter show dev "$nic" ingress
  done ;;
esac`;

interface LiveFilter {
  readonly priority: number;
  readonly kind: string;
  /** `a.b.c.d`, or `a.b.c.d/nn` where it is a block. */
  readonly block: string;
  /** Where in the IP header it looks: 12 = source, 16 = destination (RFC 791). */
  readonly side: 'source' | 'destination' | 'other';
  readonly flow: string | null;
  readonly device: string | null;
}

/** `ac1f0003/ffffffff` → `172.31.0.3`. */
function blockOf(value: string, mask: string): string {
  const bits = Number.parseInt(mask, 16).toString(2).replace(/0+$/, '').length;
  const address = formatAddress(Number.parseInt(value, 16));
  return mask === 'ffffffff' ? address : `${address}/${mask === '00000000' ? 0 : bits}`;
}

/**
 * Filters as tc prints them. With clsact the kernel lists the u32 filters of both ways under either (they share their
 * hash tables): each is counted once, by its handle, and the way is told by what it matches.
 */
function filtersOf(text: string): LiveFilter[] {
  const found = new Map<string, LiveFilter>();
  for (const part of text.split(/^(?=filter )/m)) {
    const head = /^filter (?:parent \S+ )?protocol \S+ pref (\d+) (\S+)(?: chain \d+)?(?: fh (\S+))?/.exec(
      part,
    );
    if (!head) continue;
    const [, priority = '', kind = '', handle = ''] = head;
    const match = /^[ \t]*match ([0-9a-f]{8})\/([0-9a-f]{8}) at (\d+)/m.exec(part);
    // The lines of a whole chain and of its hash table match nothing themselves.
    if (kind === 'u32' && !match) continue;
    const [, value = '', mask = '', offset = ''] = match ?? [];
    found.set(`${priority} ${handle}`, {
      priority: Number(priority),
      kind,
      block: match ? blockOf(value, mask) : '',
      side: offset === '12' ? 'source' : offset === '16' ? 'destination' : 'other',
      flow: / \*?flowid (\S*:\S+)/.exec(part)?.[1] ?? null,
      device: /Redirect to device (\S+?)\)/.exec(part)?.[1] ?? null,
    });
  }
  return [...found.values()];
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `16666Kbit` → bits; tc cuts off what is below a thousandth, so the wanted value counts when it is that near. */
function bits(word: string | undefined, wanted: number | undefined): number {
  const [, number = '0', unit = ''] = /^(\d+)([KMGT]?)bit$/.exec(word ?? '') ?? [];
  const value = Number(number) * (UNITS[unit] ?? 1);
  return wanted !== undefined && Math.abs(value - wanted) <= Math.max(wanted / 1000, 8) ? wanted : value;
}

function deviceFields(
  text: string,
  up: boolean,
  direction: Direction,
  wanted: readonly ShapeClass[],
): Fields {
  const fields: Record<string, FieldValue> = { [`device ${direction}`]: up ? 'up' : 'down' };
  const other: string[] = [];
  const classes = text.matchAll(/^class htb (\S+) (root|parent (\S+)) .*?rate (\S+) ceil (\S+)/gm);
  for (const [, id = '', , parent = '1:', rate, ceil] of classes) {
    const known = wanted.find((one) => one.id === id && one.parent === parent);
    if (!known) other.push(`class ${id}`);
    else fields[classField(known, direction)] = rateValue(bits(rate, known.rate), bits(ceil, known.ceil));
  }
  const sorted = filtersOf(text).map(({ block, side, flow }) => {
    const known = wanted.find((one) => one.id === flow);
    const right = side === (direction === 'egress' ? 'source' : 'destination');
    return known && right ? sortedWord(block, known) : `${block} to ${flow ?? 'nothing'}`;
  });
  return { ...fields, [`sorted ${direction}`]: sorted.toSorted(), [`other ${direction}`]: other.toSorted() };
}

function nicFields(nic: string, filters: readonly LiveFilter[]): Fields {
  const lists: Record<string, string[]> = {};
  const add = (field: string, item: string): void => {
    (lists[field] ??= []).push(item);
  };
  for (const { priority, block, side, flow, device } of filters) {
    // What leaves is known by its source and exempt by where it goes; what comes in the other way round.
    if (priority === REDIRECT_PRIORITY) {
      const direction: Direction = side === 'destination' ? 'ingress' : 'egress';
      const right = side !== 'other' && device === DEVICES[direction];
      add(`redirect ${nic} ${direction}`, right ? block : `${block} to ${device ?? 'nothing'}`);
    } else if (priority === EXEMPT_PRIORITY) {
      const direction: Direction = side === 'source' ? 'ingress' : 'egress';
      const right = side !== 'other' && device === null && flow === ':1';
      add(`exempt ${nic} ${direction}`, right ? block : `${block} to ${device ?? flow ?? 'nothing'}`);
    }
  }
  return Object.fromEntries(Object.entries(lists).map(([field, items]) => [field, items.toSorted()]));
}

/** At our priorities on a NIC stand filters of our own kind only. Throws `host-unsupported`. */
function refuseForeignFilters(nic: string, filters: readonly LiveFilter[]): void {
  const foreign = filters.find(
    ({ priority, kind }) =>
      (priority === EXEMPT_PRIORITY || priority === REDIRECT_PRIORITY) && kind !== 'u32',
  );
  if (!foreign) return;
  throw new ProvisionError(
    'host-unsupported',
    `${nic} has a ${foreign.kind} filter of somebody else at priority ${foreign.priority}, which is ours.`,
    { hint: `Look at \`tc filter show dev ${nic} ingress\` (and egress), and move it to another priority.` },
  );
}

/** The old ingress qdisc and clsact exclude each other. Throws `host-unsupported`. */
function refuseIngressQdisc(nic: string, qdiscs: string): void {
  if (!qdiscs.split('\n').some((line) => line.startsWith(`qdisc ingress ffff: dev ${nic} `))) return;
  throw new ProvisionError(
    'host-unsupported',
    `${nic} has an ingress qdisc of somebody else: bandwidth needs clsact there, and a NIC has only one of the two.`,
    { hint: `If nothing needs it (\`tc filter show dev ${nic} ingress\`): tc qdisc del dev ${nic} ingress` },
  );
}

/** What `readShaping` printed, in the words of `plannedFields`; null when nothing of ours is there. */
export function liveFields(stdout: string, plan: ShapingPlan | null): Fields | null {
  const parts = stdout
    .split(/^== /m)
    .slice(1)
    .map((part): [string, string] => [part.split('\n')[0] ?? '', part]);
  const qdiscs = parts.find(([name]) => name === 'qdiscs')?.[1] ?? '';
  const fields: Record<string, FieldValue> = {};
  for (const [name, text] of parts) {
    const [what = '', device = '', flags = ''] = name.split(' ');
    const direction = DIRECTIONS.find((one) => DEVICES[one] === device);
    if (what === 'device' && direction) {
      // IFF_UP of if.h.
      const up = (Number.parseInt(flags, 16) & 1) === 1;
      Object.assign(fields, deviceFields(text, up, direction, plan?.classes[direction] ?? []));
    }
    if (what === 'nic') {
      const filters = filtersOf(text);
      refuseForeignFilters(device, filters);
      Object.assign(fields, nicFields(device, filters));
    }
  }
  for (const { name } of plan?.nics ?? []) refuseIngressQdisc(name, qdiscs);
  return Object.keys(fields).length === 0 ? null : fields;
}
