/** Debian's releases that hosts are built of, and the name of each in an archive. */
export const SUITES = {
  'debian-11': 'bullseye',
  'debian-12': 'bookworm',
  'debian-13': 'trixie',
} as const;

export type Release = keyof typeof SUITES;

export const RELEASES = Object.keys(SUITES) as Release[];
export const DEFAULT_RELEASE: Release = 'debian-12';

/** The choices that make an image, each with its own key below `lab:`; the first one of a list is the default. */
export const CHOICES = {
  /** Neither firewalld nor Docker, or both. */
  image: ['bare', 'full'],
  /** What configures NICs. */
  nic: ['networkd', 'ifupdown'],
  /** What the command iptables is. */
  iptables: ['nft', 'legacy'],
} as const;

export interface ImageSpec {
  readonly release: Release;
  readonly image: (typeof CHOICES.image)[number];
  readonly nic: (typeof CHOICES.nic)[number];
  readonly iptables: (typeof CHOICES.iptables)[number];
}

/** `debian-12 bare`, with whatever is unusual after it. */
export const imageName = ({ release, image, nic, iptables }: ImageSpec): string =>
  [
    release,
    image,
    ...(nic === 'networkd' ? [] : [nic]),
    ...(iptables === 'nft' ? [] : [`iptables-${iptables}`]),
  ].join(' ');
