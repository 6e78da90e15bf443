import { portRanges } from '../../roles/variables/ports.ts';
import type { Listener } from '../../roles/variables/index.ts';
import type { TopologyNode } from '../../model/topology.ts';
import type { Drawing, Drawn } from './drawing.ts';
import { portsText } from './drawing.ts';

function factsOf({ algorithm, affinity, snat, health, backends = [] }: Listener): [string, string][] {
  const asked = health?.http ? `HTTP ${health.http.path}` : health ? 'TCP' : null;
  return [
    ['spread', `${algorithm}${affinity ? `, a client stays for ${affinity.timeout}` : ''}`],
    ['backends see', snat ? 'the balancer' : 'the client'],
    ...(health
      ? [
          ['health', `${asked ?? ''} every ${health.interval}, ${health.fall} failures = dead`] as [
            string,
            string,
          ],
        ]
      : []),
    ...backends.map(({ address, port, weight, state }): [string, string] => [
      'backend',
      `${address}${port === undefined ? '' : `:${port}`} weight ${weight}${state === 'active' ? '' : `, ${state}`}`,
    ]),
  ];
}

/** The services of a balancer. Their lines to the backends are drawn once all hosts are. */
export function listenerNodes(
  drawing: Drawing,
  { host, vars }: Drawn,
  eips: ReadonlyMap<string, TopologyNode>,
): TopologyNode[] {
  return (vars.listeners ?? []).map((entry, index) => {
    const place = host.place(['listeners', index]);
    if (entry.redirect) {
      const { port, to, protocol } = entry.redirect;
      return drawing.node({
        kind: 'listener',
        title: entry.name,
        detail: `${protocol} ${port} → ${to}`,
        host: host.name,
        facts: [['spreads', `${protocol} port ${port} over ${to} of this host`]],
        names: [[entry.name], [String(port), String(to)]],
        place,
      });
    }
    const { address = '', port = [], protocol, backends = [] } = entry;
    const [publicName] =
      Object.entries(vars.eips ?? {}).find(([, eip]) => [eip.public, eip.private].includes(address)) ?? [];
    const eip = publicName === undefined ? undefined : vars.eips?.[publicName];
    const node = drawing.node({
      kind: 'listener',
      title: entry.name,
      detail: `${protocol} ${portsText(port)} · ${backends.length} ${backends.length === 1 ? 'backend' : 'backends'}`,
      host: host.name,
      facts: [['listens on', `${address}:${portsText(port)} ${protocol}`], ...factsOf(entry)],
      endpoints: [address, eip?.public, eip?.private].flatMap((own) =>
        own === undefined
          ? []
          : portRanges(port).map((ports) => ({ address: own, protocols: protocol.split('+'), ports })),
      ),
      names: [[entry.name], [address, portsText(port)]],
      place,
    });
    if (publicName !== undefined) drawing.link('in', eips.get(publicName), node, false);
    return node;
  });
}
