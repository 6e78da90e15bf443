import { contains, networkOf } from '../../model/ipv4.ts';
import type { ImportedListener, Recognised } from './host-listeners.ts';
import type { HostReading } from './host-reading.ts';
import type { HostRoute } from './host-routes.ts';

/** Listeners with the router of each backend that has a route of its own, and the routes that say so. */
export function viasOf(
  { found }: Recognised<ImportedListener>,
  { routes, addresses }: Pick<HostReading, 'routes' | 'addresses'>,
): { readonly listeners: readonly ImportedListener[]; readonly taken: readonly HostRoute[] } {
  const taken = new Set<HostRoute>();
  // A router that no NIC reaches is none that `via` can name.
  const isReached = (via: string): boolean =>
    addresses.some(
      ({ address, prefix, kind }) => kind !== 'bridge' && contains(networkOf(`${address}/${prefix}`), via),
    );
  const viaOf = (address: string): { via?: string } => {
    const route = routes.find(
      ({ table, to, via, type }) =>
        table === 'main' && to === address && type === '' && via !== '' && isReached(via),
    );
    if (!route) return {};
    taken.add(route);
    return { via: route.via };
  };
  const listeners = found.map((listener): ImportedListener =>
    'redirect' in listener
      ? listener
      : {
          ...listener,
          backends: listener.backends.map((backend) => ({ ...backend, ...viaOf(backend.address) })),
        },
  );
  return { listeners, taken: [...taken] };
}
