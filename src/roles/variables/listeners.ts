import { z } from 'zod';
import { address } from './addresses.ts';
import { duration, durationSeconds } from './amounts.ts';
import { thingName, urlPath } from './names.ts';
import { port, portOrRange, ports } from './ports.ts';
import { complain, refuse, section, text } from './text.ts';

/** One server behind a listener. */
export const backend = section('A server behind the listener.', {
  address: address.describe('Its address, private or public.'),
  port: port.optional().describe('Its port; left out = the port of the listener.'),
  weight: z
    .number()
    .int()
    .min(0)
    .max(256)
    .default(1)
    .describe('Its share of new connections, 0 to 256. 0 = none.'),
  state: z
    .enum(['active', 'draining', 'disabled'])
    .default('active')
    .describe('draining = keeps the clients it has, gets no new ones; disabled = gets nothing.'),
  via: address.optional().describe('The router towards it, where the default route is not the way.'),
});

/** How backends are checked. */
export const health = section('How a backend is found dead and alive again.', {
  http: section('Ask over HTTP.', {
    path: urlPath.default('/').describe('The path that is asked for.'),
    status: z.number().int().min(100).max(599).default(200).describe('The status that means healthy.'),
    body: text('A part of the answer.', { longest: 200 })
      .optional()
      .describe('What the answer must contain; left out = the status is enough.'),
  })
    .optional()
    .describe('Ask over HTTP; left out = a TCP connection is enough.'),
  command: text('A shell command.', { longest: 1000 })
    .optional()
    .describe(
      'Ask by a command of the balancer: exit 0 = healthy. It finds the backend in $ADDRESS and $PORT. Excludes http.',
    ),
  source: address
    .optional()
    .describe('The address of this host that checks come from; left out = what the route says.'),
  port: port.optional().describe('The port that is checked; left out = the backend’s own.'),
  interval: duration.default('2s').describe('Time between two checks of a backend.'),
  timeout: duration.default('1s').describe('How long an answer may take.'),
  fast: duration.default('500ms').describe('Time between checks while a change is being confirmed.'),
  rise: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe('Good checks in a row until a dead backend serves again.'),
  fall: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe('Failed checks in a row until a backend counts as dead.'),
  all_down: z
    .enum(['reject', 'keep-all'])
    .default('reject')
    .describe('When every backend is dead: refuse clients at once, or go on with all of them.'),
}).superRefine((entry, context) => {
  if (entry.command === undefined) return;
  if (entry.http)
    refuse(context, complain('a check is either http or a command', 'Leave one out.'), ['command']);
  if (entry.source !== undefined)
    refuse(context, complain('a command chooses its source itself', 'Leave it out.'), ['source']);
});

/** Clients that stay with their backend. */
export const affinity = section('Keeps a client with its backend.', {
  by: z.enum(['client-ip']).describe('What a client is recognised by.'),
  timeout: duration.default('300s').describe('Forgotten after this time without a new connection.'),
});

/** One port, spread over several on the same host. */
export const redirect = section('Spreads one port over a range of ports of this host.', {
  port: port.describe('The port that clients use.'),
  to: portOrRange.describe('The ports that serve, as 8001-8002.'),
  protocol: z.enum(['tcp', 'udp']).default('tcp').describe('The protocol.'),
});

/** One listener: a service in front of backends, or a redirect. */
export const listener = section(
  'A service in front of backends, or (redirect) in front of ports of this host.',
  {
    name: thingName.describe('A name, unique on this host.'),
    redirect: redirect
      .optional()
      .describe('Spread one port over ports of this host. Excludes address, port and backends.'),
    address: address.optional().describe('The address that clients use: of a NIC, or an EIP.'),
    port: ports.optional().describe('A port, a range, or a list of both.'),
    protocol: z.enum(['tcp', 'udp', 'tcp+udp']).default('tcp').describe('The protocol.'),
    algorithm: z
      .enum(['round-robin', 'weighted', 'random', 'source-hash'])
      .default('round-robin')
      .describe(
        'How new connections are spread, each by weight: round-robin (weighted is the same) = in turn, random = by chance, source-hash = by the client’s address.',
      ),
    affinity: affinity.optional().describe('Keeps a client with its backend.'),
    snat: z
      .boolean()
      .default(true)
      .describe(
        'Backends see the balancer’s address. false = the client’s, and their way back must lead through the balancer.',
      ),
    backends: z.array(backend).min(1).optional().describe('The servers.'),
    health: health.optional().describe('Takes dead backends out of the rotation.'),
    identity: section('Where answers tell backends apart.', {
      path: urlPath.describe(
        'A path whose answer begins with a word of each backend’s own, as its host name.',
      ),
    })
      .optional()
      .describe('Where backends of HTTP can be told apart: checks count then who answers after a change.'),
  },
).superRefine((entry, context) => {
  if (entry.redirect) {
    for (const key of ['address', 'port', 'backends', 'health', 'affinity', 'identity'] as const) {
      if (entry[key] !== undefined)
        refuse(context, complain(`a redirect has no ${key}`, 'Leave it out.'), [key]);
    }
    return;
  }
  for (const key of ['address', 'port', 'backends'] as const) {
    if (entry[key] === undefined)
      refuse(context, complain(`a listener needs ${key}`, `Add ${key}:, or redirect:.`));
  }
  if (entry.health && durationSeconds(entry.health.timeout) > durationSeconds(entry.health.interval)) {
    refuse(context, complain('is longer than the interval', 'Write a timeout up to the interval.'), [
      'health',
      'timeout',
    ]);
  }
});

/** `listeners:` */
export const listeners = z.array(listener).describe('The services of a load balancer.');

export type Backend = z.infer<typeof backend>;
export type Health = z.infer<typeof health>;
export type Affinity = z.infer<typeof affinity>;
export type Listener = z.infer<typeof listener>;
