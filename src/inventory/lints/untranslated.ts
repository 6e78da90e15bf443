import { contains, overlaps, prefixLength } from '../../model/ipv4.ts';
import { PRIVATE_SPACE } from '../../model/nat-rules.ts';
import type { FilterRule, HostVariables, Nat } from '../../roles/variables/index.ts';
import type { Lint, LintInput } from './lint.ts';

const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** Sources that a gateway is told to let out and that nothing translates: its guard drops them on their way. */
export function lintUntranslated({ vars, broken }: LintInput): Lint[] {
  const { nat, firewall } = vars;
  if (!nat || broken.has('firewall')) return [];
  return [
    ...exceptedWhole(nat),
    ...(firewall?.filter ?? []).flatMap((rule, at) => letOut(rule, at, nat, vars)),
  ];
}

function exceptedWhole({ snat }: Nat): Lint[] {
  return snat.flatMap(({ source, except }, index): Lint[] => {
    const whole = except.findIndex((block) => prefixLength(block) === 0);
    if (whole < 0) return [];
    return [
      {
        path: ['nat', 'snat', index, 'except', whole],
        severity: 'warning',
        message: `${source} keeps its own source towards everywhere, and so has no translation at all`,
        hint: 'Name the destinations that know the way back, or leave the entry out',
      },
    ];
  });
}

function letOut(rule: FilterRule, index: number, nat: Nat, { networks }: HostVariables): Lint[] {
  if (rule.action !== 'accept' || rule.direction !== 'forward') return [];
  const inside = Object.values(networks ?? {}).map(({ cidr }) => cidr);
  const towards = list(rule.destination);
  if (towards.length > 0 && towards.every((block) => inside.some((cidr) => contains(cidr, block)))) return [];
  const translated = [...nat.masquerade, ...nat.snat.map(({ source }) => source)];
  return list(rule.source).flatMap((source): Lint[] => {
    const isPrivate = PRIVATE_SPACE.some((block) => overlaps(block, source));
    if (!isPrivate || translated.some((block) => contains(block, source))) return [];
    return [
      {
        path: ['firewall', 'filter', index, 'source'],
        severity: 'warning',
        message: `${source} is let through, and nothing translates it: nothing of it leaves the networks`,
        hint: 'Add it to nat.masquerade or nat.snat, or name destinations inside',
      },
    ];
  });
}
