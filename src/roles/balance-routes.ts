import { contains, networkOf } from '../model/ipv4.ts';
import type { Resource } from '../model/resource.ts';
import { staticRoutes } from '../resources/index.ts';
import type { StaticRoute } from '../resources/index.ts';
import type { HostVariables } from './variables/index.ts';

/** Ways to backends by the router that each names, by the NIC that reaches it. Lints refuse a router that none does. */
export function backendRoutes({ listeners = [], nics = {} }: HostVariables, absent: boolean): Resource[] {
  const wanted = new Map(
    listeners.flatMap(({ backends = [] }) =>
      backends.flatMap(({ address, via }): [string, StaticRoute][] =>
        via === undefined ? [] : [[address, { to: address, via }]],
      ),
    ),
  );
  return Object.entries(nics).map(([nic, { address }]) =>
    staticRoutes({
      nic,
      routes: absent ? [] : [...wanted.values()].filter(({ via }) => contains(networkOf(address), via)),
    }),
  );
}
