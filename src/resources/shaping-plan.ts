import type { Fields } from '../model/resource.ts';

export type Direction = 'egress' | 'ingress';
export const DIRECTIONS: readonly Direction[] = ['egress', 'ingress'];

/** Our own devices: what is shaped passes through one of them, each way through another. */
export const DEVICES: Readonly<Record<Direction, string>> = { egress: 'pv-pe', ingress: 'pv-pi' };

/** Our priorities on a NIC: first what is exempt, then what is led to a device of ours. */
export const EXEMPT_PRIORITY = 4209;
export const REDIRECT_PRIORITY = 4210;

/** One class of tc-htb(8). */
export interface ShapeClass {
  /** cap = of a package, share = of a member inside it, peak = of an EIP alone. */
  readonly kind: 'cap' | 'share' | 'peak';
  /** The package of a cap or share, the EIP of a peak. */
  readonly name: string;
  /** The member; empty for a cap and a peak. */
  readonly member: string;
  /** `1:10` */
  readonly id: string;
  /** `1:` or the id of a cap. */
  readonly parent: string;
  /** Bits per second that it gets in any case. */
  readonly rate: number;
  /** Bits per second that it never exceeds. */
  readonly ceil: number;
  /** The NIC's address whose packets go into it; null for a cap. */
  readonly address: string | null;
}

export interface ShapedNic {
  readonly name: string;
  /** Addresses of the NIC that are shaped, each way. */
  readonly addresses: Readonly<Record<Direction, readonly string[]>>;
}

/** All shared bandwidth of one host. */
export interface ShapingPlan {
  readonly classes: Readonly<Record<Direction, readonly ShapeClass[]>>;
  readonly nics: readonly ShapedNic[];
  /** Networks whose traffic is not shaped. */
  readonly exempt: readonly string[];
}

/** `16.666666mbit`: exact, and as tc(8) reads it. */
export const rateWord = (bits: number): string => `${bits / 1e6}mbit`;

/** `25mbit to 50mbit`, or one rate where both are the same. */
export const rateValue = (rate: number, ceil: number): string =>
  rate === ceil ? rateWord(rate) : `${rateWord(rate)} to ${rateWord(ceil)}`;

/** What `rateValue` wrote, as two words of tc(8). */
export const ratesOf = (value: string): { rate: string; ceil: string } => {
  const [rate = '', ceil = rate] = value.split(' to ');
  return { rate, ceil };
};

/**
 * Bytes that may go at once: what passes in 2 ms, since the kernel's timers are not finer under load, and never less
 * than one packet of segmentation offload (64 KiB).
 */
export const burstOf = (ceil: string): number =>
  Math.max(65_536, Math.ceil((Number.parseFloat(ceil) * 1e6 * 0.002) / 8));

/** Share of a turn between classes that borrow; tc-htb(8) would derive it from the rate and complain. */
export const QUANTUM = 15_000;

export const classField = ({ kind, name, member }: ShapeClass, direction: Direction): string =>
  [kind, name, ...(member === '' ? [] : [member]), direction].join(' ');

const wordsOf = (plan: ShapingPlan, direction: Direction): [string, string | readonly string[]][] => {
  const classes = plan.classes[direction];
  if (classes.length === 0) return [];
  return [
    [`device ${direction}`, 'up'],
    ...classes.map((c): [string, string] => [classField(c, direction), rateValue(c.rate, c.ceil)]),
    [
      `sorted ${direction}`,
      classes.flatMap((c) => (c.address === null ? [] : [sortedWord(c.address, c)])).toSorted(),
    ],
    [`other ${direction}`, []],
    ...plan.nics.flatMap(({ name, addresses }): [string, readonly string[]][] =>
      addresses[direction].length === 0
        ? []
        : [
            [`redirect ${name} ${direction}`, addresses[direction].toSorted()],
            [`exempt ${name} ${direction}`, plan.exempt.toSorted()],
          ],
    ),
  ];
};

/** `172.31.0.3 to office` */
export const sortedWord = (address: string, { name, member }: ShapeClass): string =>
  `${address} to ${member === '' ? name : member}`;

/** The plan as flat fields, the way `liveFields` reads a host. */
export const plannedFields = (plan: ShapingPlan): Fields =>
  Object.fromEntries(DIRECTIONS.flatMap((direction) => wordsOf(plan, direction)));
