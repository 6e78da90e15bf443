import { z } from 'zod';
import { complain, shown, text } from './text.ts';
import type { Complaint } from './text.ts';

const NAME = '^[A-Za-z0-9_][A-Za-z0-9_.-]*$';

function mustMatch(pattern: RegExp, what: string, hint: string): (value: string) => Complaint | undefined {
  return (value) => (pattern.test(value) ? undefined : complain(`${shown(value)} is not ${what}`, hint));
}

/** A name that a person gives to a thing of the inventory. */
export const thingName = text('A name: letters, digits, "_", "." and "-", not starting with "-".', {
  complaint: (value) =>
    value === '__proto__'
      ? complain('"__proto__" cannot be a name')
      : mustMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'a name', 'Use letters, digits, "_", "." and "-".')(value),
  pattern: NAME,
  longest: 64,
});

/** What Docker takes for the name of a container (moby, daemon/names). */
export const dockerName = text(
  'A name that Docker takes for a container: letters, digits, "_", "." and "-", two at least.',
  {
    complaint: mustMatch(
      /^[A-Za-z0-9][A-Za-z0-9_.-]+$/,
      'a name that Docker takes',
      'Use two or more letters, digits, "_", "." and "-", beginning with a letter or digit.',
    ),
    pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]+$',
    longest: 64,
  },
);

/** A network interface of Linux: 15 bytes at most (IFNAMSIZ of if.h), no slash, no white space. */
export const interfaceName = text('The name of a network interface, at most 15 bytes.', {
  complaint: (value) => {
    if (Buffer.byteLength(value) > 15) {
      return complain(`${shown(value)} is longer than the 15 bytes of an interface name`, 'Shorten it.');
    }
    if (value === '.' || value === '..' || value === '__proto__')
      return complain(`${shown(value)} cannot be an interface`);
    // The kernel takes more; what shells, nft and firewalld all take unquoted is this.
    return mustMatch(
      /^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/,
      'an interface name',
      'Use the name that `ip link` prints.',
    )(value);
  },
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$',
});

/** A firewalld zone: 17 characters at most, so that its chains fit into iptables' 28 (firewalld.zone(5)). */
export const zoneName = text('The name of a firewalld zone, at most 17 characters.', {
  complaint: mustMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/, 'a zone name', 'Use letters, digits, "_" and "-".'),
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,16}$',
  longest: 17,
});

/** A service that firewalld knows, as `firewall-cmd --get-services` lists them. */
export const serviceName = text('A service known to firewalld, as ssh or http.', {
  complaint: mustMatch(
    /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/,
    'a service name',
    'See: firewall-cmd --get-services',
  ),
  longest: 64,
});

/** A container image: [registry[:port]/]name[:tag][@digest]. */
export const imageName = text('A container image, as eip:latest or registry.example:5000/app:1.2.', {
  complaint: mustMatch(
    /^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/,
    'a container image',
    'Write it as name:tag.',
  ),
});

/** A login name (useradd(8)) or a numeric user id. */
export const userNameOrId = z
  .union([
    z.number().int().min(0).max(4294967294),
    text('A user name.', {
      complaint: mustMatch(
        /^(?:[A-Za-z_][A-Za-z0-9_.-]*\$?|\d+)$/,
        'a user name',
        'Use a login name or a numeric id.',
      ),
      longest: 32,
    }),
  ])
  .describe('A user name or a numeric user id of the host.');

/** A path of a URL, for health checks. */
export const urlPath = text('A path with its query, as /healthz.', {
  complaint: mustMatch(/^\/[A-Za-z0-9._~/?&=%+,:@!-]*$/, 'a URL path', 'Write it as /healthz.'),
  pattern: '^/',
  longest: 1000,
});
