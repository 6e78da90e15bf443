import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { addressOf, networkOf } from '../../model/ipv4.ts';
import { complain, shown, text } from './text.ts';
import type { Complaint } from './text.ts';

const NO_IPV6 = 'IPv6 is not supported in this version';
// Node makes its pattern of IPv6 when it is first asked, which takes 10 ms: few are ever worth it.
const looksLikeIpv6 = (value: string): boolean =>
  value.includes(':') && (isIPv6(value) || /^[0-9a-f]*:[0-9a-f:.]*:/i.test(value));

/** Why a text is not one plain IPv4 address. */
export function complainOfAddress(value: string): Complaint | undefined {
  if (looksLikeIpv6(value)) return complain(`${shown(value)}: ${NO_IPV6}`, 'Write an IPv4 address.');
  if (isIPv4(value)) return undefined;
  if (value.includes('/')) {
    return complain(`${shown(value)} must be one address, without a prefix length`, hintWithout(value));
  }
  const parts = value.split('.');
  if (
    parts.length === 4 &&
    parts.every((part) => /^\d+$/.test(part)) &&
    parts.some((part) => /^0\d/.test(part))
  ) {
    // inet_aton reads a leading zero as octal, most people do not: 010.0.0.1 is 8.0.0.1 to some tools.
    return complain(
      `${shown(value)} has a part with a leading zero, which some tools read as octal`,
      `Write ${parts.map(Number).join('.')} if that is meant.`,
    );
  }
  return complain(
    `${shown(value)} is not an IPv4 address`,
    'Write four numbers from 0 to 255, as 172.31.0.2.',
  );
}

const hintWithout = (value: string): string => `Write ${addressOf(value)}.`;

function complainOfBlock(value: string): Complaint | undefined {
  if (looksLikeIpv6(value)) return complain(`${shown(value)}: ${NO_IPV6}`, 'Write an IPv4 address.');
  const slash = value.indexOf('/');
  if (slash < 0) {
    return (
      complainOfAddress(value) ??
      complain(`${shown(value)} needs a prefix length`, `Write ${value}/24, for example.`)
    );
  }
  const wrongAddress = complainOfAddress(value.slice(0, slash));
  if (wrongAddress) return wrongAddress;
  if (/^(3[0-2]|[12]?\d)$/.test(value.slice(slash + 1))) return undefined;
  return complain(
    `${shown(value)} has no prefix length from 0 to 32 after the slash`,
    'Write it as 172.31.0.0/24.',
  );
}

function complainOfCidr(value: string): Complaint | undefined {
  const wrong = complainOfBlock(value);
  if (wrong) return wrong;
  const network = networkOf(value);
  if (network === value) return undefined;
  return complain(`${shown(value)}: host bits are set: did you mean ${network}?`, `Write ${network}.`);
}

const ADDRESS_PATTERN = '^\\d{1,3}(\\.\\d{1,3}){3}$';
const BLOCK_PATTERN = '^\\d{1,3}(\\.\\d{1,3}){3}/\\d{1,2}$';

/** One IPv4 address. */
export const address = text('An IPv4 address.', { complaint: complainOfAddress, pattern: ADDRESS_PATTERN });

/** A network in CIDR form, host bits zero. */
export const cidr = text('A network in CIDR form, as 172.31.0.0/24.', {
  complaint: complainOfCidr,
  pattern: BLOCK_PATTERN,
});

/** One address or one network. */
export const addressOrCidr = text('An IPv4 address or a network in CIDR form.', {
  complaint: (value) => (value.includes('/') ? complainOfCidr(value) : complainOfAddress(value)),
  pattern: `${ADDRESS_PATTERN}|${BLOCK_PATTERN}`,
});

/** An interface's own address with the prefix length of its subnet. */
export const addressWithPrefix = text('An address with its prefix length, as 172.31.0.2/24.', {
  complaint: complainOfBlock,
  pattern: BLOCK_PATTERN,
});

/** An Ethernet address in the form the kernel prints. */
export const macAddress = text('An Ethernet address, as 02:42:ac:11:00:02.', {
  complaint: (value) =>
    /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value)
      ? undefined
      : complain(`${shown(value)} is not an Ethernet address`, 'Write it as 02:42:ac:11:00:02.'),
  pattern: '^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$',
});

/** The two forms of `echo_url`: a URL, or the name of a host that answers. */
export const urlOrHost = text(
  'An http(s) URL that answers with its caller’s address, or a host of the group probes.',
  {
    complaint: (value) => {
      if (/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(value)) return undefined;
      const plain = /^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[A-Za-z0-9._~/?&=%+,:@-]*)?$/;
      if (plain.test(value) && URL.canParse(value)) return undefined;
      return complain(
        `${shown(value)} is not an http(s) URL nor a host name`,
        'Write it as http://198.51.100.10/ip.',
      );
    },
    longest: 2000,
  },
);

/** One value or a list of them. */
export const oneOrMore = <Item extends z.core.SomeType>(item: Item) => z.union([item, z.array(item).min(1)]);
