import type { Host } from '../model/host.ts';
import type { ImageSpec, Release } from './image-spec.ts';
import { CHOICES, RELEASES } from './image-spec.ts';
import { refuse } from './plan-values.ts';

/** One of a few words below `lab:`; left out = the first. */
function choice<const Word extends string>(
  host: Host,
  lab: Record<string, unknown>,
  key: string,
  words: readonly [Word, ...Word[]],
): Word {
  const value = lab[key];
  if (value === undefined || value === null) return words[0];
  const known = words.find((word) => word === value);
  if (known !== undefined) return known;
  throw refuse(
    host,
    ['lab', key],
    `\`lab.${key}\` is none of: ${[...words].sort().join(', ')}`,
    `Write \`lab: { ${key}: ${words[0]} }\`.`,
  );
}

/** What a host is built of: `lab: { release: debian-11, image: full, nic: ifupdown, iptables: legacy }`. */
export const readImage = (host: Host, lab: Record<string, unknown>, release: Release): ImageSpec => ({
  release: choice(host, lab, 'release', [release, ...RELEASES.filter((other) => other !== release)]),
  image: choice(host, lab, 'image', CHOICES.image),
  nic: choice(host, lab, 'nic', CHOICES.nic),
  iptables: choice(host, lab, 'iptables', CHOICES.iptables),
});
