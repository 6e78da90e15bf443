import type { Listener } from '../../roles/variables/index.ts';
import { addressOf, contains, networkOf } from '../../model/ipv4.ts';
import { portRanges } from '../../roles/variables/ports.ts';
import { collisions, doubleNames } from './lint.ts';
import type { Lint, LintInput, Stretch } from './lint.ts';
import { nicAddresses } from './networks.ts';

/** Listeners: nothing twice on a port, addresses of this host, routers that a NIC reaches. */
export function lintListeners({ vars: { listeners, nics, eips } }: LintInput): Lint[] {
  if (!listeners) return [];
  const lints = doubleNames(
    ['listeners'],
    'name',
    listeners.map(({ name }) => name),
  );
  const blocks = nics ? nicAddresses(nics).map(({ block }) => block) : undefined;
  const own = [...(blocks ?? []).map(addressOf), ...Object.values(eips ?? {}).map((eip) => eip.public)];
  listeners.forEach((entry, index) => {
    if (blocks && entry.address !== undefined && !own.includes(entry.address)) {
      const message = `${entry.address} is neither an address of a NIC nor an EIP of this host`;
      lints.push({
        path: ['listeners', index, 'address'],
        message,
        hint: `Its addresses: ${own.join(', ')}`,
        severity: 'warning',
      });
    }
    lints.push(...lintBackends(entry, index, blocks));
  });
  return [...lints, ...listenerCollisions(listeners)];
}

function lintBackends(
  { backends = [], port }: Listener,
  index: number,
  blocks: readonly string[] | undefined,
): Lint[] {
  const seen = new Set<string>();
  return backends.flatMap((backend, position): Lint[] => {
    const path = ['listeners', index, 'backends', position];
    const lints: Lint[] = [];
    const id = `${backend.address}:${backend.port ?? JSON.stringify(port)}`;
    if (seen.has(id))
      lints.push({
        path,
        message: 'this backend stands twice in the list',
        hint: 'Use weight: to give it a greater share.',
      });
    seen.add(id);
    const { via } = backend;
    if (via !== undefined && !blocks)
      lints.push({
        path: [...path, 'via'],
        message: `nobody knows which NIC reaches the router ${via}`,
        hint: 'Declare nics: with their addresses.',
      });
    if (via !== undefined && blocks && !blocks.some((block) => contains(networkOf(block), via))) {
      lints.push({
        path: [...path, 'via'],
        message: `${via} is in no subnet of this host's NICs`,
        hint: 'Name a router that the host reaches directly.',
      });
    }
    return lints;
  });
}

function listenerCollisions(listeners: readonly Listener[]): Lint[] {
  const stretches = listeners.flatMap((entry, index): Stretch[] => {
    if (entry.redirect) {
      const { port, protocol } = entry.redirect;
      return [{ lane: `this-host ${protocol}`, from: port, to: port, index }];
    }
    if (entry.address === undefined || entry.port === undefined) return [];
    const protocols = entry.protocol === 'tcp+udp' ? ['tcp', 'udp'] : [entry.protocol];
    const ranges = portRanges(entry.port);
    return protocols.flatMap((protocol) =>
      ranges.map((range) => ({ lane: `${entry.address} ${protocol}`, ...range, index })),
    );
  });
  return collisions(stretches).map(({ earlier, later }) => ({
    path: ['listeners', later.index, listeners[later.index]?.redirect ? 'redirect' : 'port'],
    message:
      earlier.index === later.index
        ? `port ${later.from} stands twice in this list`
        : `port ${Math.max(earlier.from, later.from)} of ${later.lane.split(' ')[0]} already belongs to the listener ${listeners[earlier.index]?.name}`,
    hint: 'Choose another port or address for one of them.',
  }));
}
