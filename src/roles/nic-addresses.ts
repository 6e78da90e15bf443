import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { secondaryAddresses } from '../resources/index.ts';
import { declaredAt } from './declared-at.ts';
import type { HostVariables } from './variables/index.ts';

/** The NICs as declared: the primary address asserted, the others added; `absent` = those that we added go. */
export const nicAddresses = ({ nics }: HostVariables, { host }: RoleContext, absent: boolean): Resource[] =>
  Object.entries(nics ?? {}).flatMap(([nic, { address, secondary, mac }]) =>
    declaredAt(
      host,
      ['nics', nic],
      [
        absent
          ? secondaryAddresses({ nic, primary: null, addresses: [] })
          : secondaryAddresses({ nic, primary: address, addresses: secondary, mac }),
      ],
    ),
  );
