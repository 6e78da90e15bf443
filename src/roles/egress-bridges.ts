import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { bridges, BRIDGES_SCRIPT, file, reloadUnits, service, toBaseline } from '../resources/index.ts';
import type { Bridge } from '../resources/index.ts';
import type { HostVariables } from './variables/index.ts';

const UNIT = 'provision-bridges.service';

const bridgesOf = ({ egress = [] }: HostVariables): Bridge[] =>
  egress.flatMap(({ scheme, bridge, address }) =>
    scheme === 'bridge' && bridge !== undefined && address !== undefined ? [{ name: bridge, address }] : [],
  );

/** Scheme bridge: the bridges themselves, live and made at boot before the network. Ports and sources are translated elsewhere. */
export function egressBridges(vars: HostVariables, absent: boolean, { template }: RoleContext): Resource[] {
  const wanted = bridgesOf(vars);
  const live = bridges({ bridges: wanted });
  const none = absent || wanted.length === 0;
  return [
    // A bridge may have been there before, made by hand.
    absent ? toBaseline(live) : live,
    file({
      path: `/etc/systemd/system/${UNIT}`,
      content: none ? null : template('systemd/provision-bridges.service', { script: BRIDGES_SCRIPT }),
      notify: reloadUnits,
    }),
    service({ name: UNIT, enabled: !none }),
  ];
}
