import { formatAddress } from '../../model/ipv4.ts';

/** A class of tc-htb(8). */
export interface HostClass {
  readonly id: string;
  /** Empty = it stands below the qdisc itself. */
  readonly parent: string;
  /** As `1500mbit`. */
  readonly rate: string;
  readonly ceil: string;
}

/** A filter of tc-u32(8) that looks at one address, or at nothing. */
export interface HostFilter {
  /** ffff: = what comes in. */
  readonly parent: string;
  readonly side: 'src' | 'dst' | 'any';
  /** Empty = everything. */
  readonly address: string;
  readonly flow: string;
  /** Where it is redirected to; empty = nowhere. */
  readonly device: string;
}

/** What tc(8) says of a device that limits or redirects. */
export interface HostShaper {
  readonly nic: string;
  readonly classes: readonly HostClass[];
  readonly filters: readonly HostFilter[];
  /** A line that was not understood; null = all were. */
  readonly strange: string | null;
}

const RATE = /^\d+(?:\.\d+)?[KMGT]?bit$/;
const CLASS =
  /^class htb (\S+) (?:root|parent (\S+)) (?:leaf \S+ )?(?:prio 0 )?rate (\S+) ceil (\S+) burst \S+ cburst \S+$/;

function classOf(line: string): HostClass | null {
  const [, id = '', parent = '', rate = '', ceil = ''] = CLASS.exec(line) ?? [];
  if (!RATE.test(rate) || !RATE.test(ceil)) return null;
  return { id, parent, rate: rate.toLowerCase(), ceil: ceil.toLowerCase() };
}

/** Offsets into the header of IP (RFC 791). */
const SIDES: Readonly<Record<string, 'src' | 'dst'>> = { '12': 'src', '16': 'dst' };

const FILTER =
  /^filter (?:parent (\S+) )?protocol (?:ip|all) pref \d+ u32(?: chain 0)? fh \S+ order \d+ key ht \S+ bkt \S+(?: terminal flowid(?: \?\?\?)?| \*?flowid (\d*:\S*))?(?: not_in_hw)?$/;

/** A filter with the lines below it; null = there is more to it. */
function filterOf(text: string): HostFilter | null {
  const [head = '', match = '', ...rest] = text.split('\n').map((line) => line.trim());
  const [, parent = '', flow = ''] = FILTER.exec(head) ?? [];
  const [, value = '', mask = '', offset = ''] =
    /^match ([0-9a-f]{8})\/([0-9a-f]{8}) at (\d+)$/.exec(match) ?? [];
  const side = mask === '00000000' ? 'any' : mask === 'ffffffff' ? SIDES[offset] : undefined;
  if (parent === '' || side === undefined) return null;
  const others = rest.filter((line) => line !== '' && !/^index \d+ ref \d+ bind \d+$/.test(line));
  const [, device = ''] =
    /^action order 1: mirred \(Egress Redirect to device (\S+)\) stolen$/.exec(others[0] ?? '') ?? [];
  if (others.length > (device === '' ? 0 : 1)) return null;
  const address = side === 'any' ? '' : formatAddress(Number.parseInt(value, 16));
  return { parent, side, address, flow, device };
}

/** The line of a priority, and that of its hash table, match nothing themselves. */
const isTable = (head: string): boolean =>
  /^filter (?:parent \S+ )?protocol \S+ pref \d+ u32(?: chain 0)?(?: fh \S+: ht divisor 1)?$/.test(
    head.trim(),
  );

/** The name of a device, its classes (tc class show) and its filters (tc filter show). */
export function shaperOf(text: string): HostShaper {
  const [nic = '', ...lines] = text.split('\n').map((line) => line.trimEnd());
  const classLines = lines.filter((line) => line.startsWith('class '));
  // Others belong to a leaf that sorts flows by itself, or are what a bucket shows.
  const own = classLines.filter((line) => line.startsWith('class htb '));
  const parts = lines
    .filter((line) => !line.startsWith('class '))
    .join('\n')
    .split(/^(?=filter )/m)
    .filter((part) => part.startsWith('filter ') && !isTable(part.split('\n')[0] ?? ''));
  const [classes, filters] = [own.map(classOf), [...new Set(parts)].map(filterOf)];
  const strange = own[classes.indexOf(null)] ?? [...new Set(parts)][filters.indexOf(null)] ?? null;
  return {
    nic,
    classes: classes.filter((each) => each !== null),
    filters: filters.filter((each) => each !== null),
    strange: strange === null ? null : (strange.split('\n')[0] ?? '').trim(),
  };
}
