import { bitsPerSecond } from '../../roles/variables/amounts.ts';
import type { BandwidthPackage } from '../../roles/variables/index.ts';
import type { Path } from '../document.ts';
import { doubleNames, unknownName } from './lint.ts';
import type { Lint, LintInput } from './lint.ts';

/** Bandwidth packages: EIPs that there are, each in one package for a direction. */
export function lintBandwidth({ vars: { bandwidth, eips }, broken }: LintInput): Lint[] {
  if (!bandwidth) return [];
  const lints = doubleNames(
    ['bandwidth'],
    'name',
    bandwidth.map(({ name }) => name),
  );
  const member = new Map<string, string>();
  bandwidth.forEach((entry, index) => {
    const directions = entry.direction === 'both' ? ['egress', 'ingress'] : [entry.direction];
    entry.eips.forEach((eip, position) => {
      const path = ['bandwidth', index, 'eips', position];
      if (!broken.has('eips')) lints.push(...unknownName(path, 'EIP', eip, eips, 'eips'));
      const before = directions.map((direction) => member.get(`${direction} ${eip}`)).find(Boolean);
      if (before !== undefined)
        lints.push({
          path,
          message: `${eip} already is in the package ${before}`,
          hint: 'An EIP is in one package at a time.',
        });
      for (const direction of directions) member.set(`${direction} ${eip}`, entry.name);
    });
    lints.push(...tooSlow(['bandwidth', index, 'cap'], entry.cap), ...guarantees(entry, index));
  });
  return lints;
}

/** Peaks of single EIPs that can be kept. */
export const lintPeaks = ({ vars: { eips } }: LintInput): Lint[] =>
  Object.entries(eips ?? {}).flatMap(([name, { peak }]) =>
    peak === undefined ? [] : tooSlow(['eips', name, 'peak'], peak),
  );

// Below that the kernel's HTB loses a rate in its own rounding.
const tooSlow = (path: Path, rate: string): Lint[] =>
  bitsPerSecond(rate) >= 8000
    ? []
    : [{ path, message: `${rate} is too little to be shaped`, hint: 'Write 8kbit at least.' }];

function guarantees({ cap, eips, guarantee }: BandwidthPackage, index: number): Lint[] {
  const given = Object.entries(guarantee ?? {});
  const path = ['bandwidth', index, 'guarantee'];
  const lints = given.flatMap(([eip, rate]): Lint[] =>
    eips.includes(eip)
      ? tooSlow([...path, eip], rate)
      : [
          {
            path: [...path, eip],
            at: 'key',
            message: `${eip} is not a member of this package`,
            hint: `Its members: ${eips.join(', ')}.`,
          },
        ],
  );
  const sum = given.reduce((bits, [, rate]) => bits + bitsPerSecond(rate), 0);
  const left = bitsPerSecond(cap) - sum;
  if (left < 0) {
    lints.push({
      path,
      message: `more is guaranteed (${sum / 1e6}mbit) than the cap of ${cap}`,
      hint: 'Guarantee less, or raise the cap.',
    });
  } else if (given.length > 0 && left === 0 && eips.some((eip) => !given.some(([name]) => name === eip))) {
    lints.push({
      path,
      severity: 'warning',
      message: `nothing of the cap of ${cap} is left for the members without a guarantee`,
      hint: 'They get what the others leave.',
    });
  }
  return lints;
}
