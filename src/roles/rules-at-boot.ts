import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import { file, onlyWhere, packageInstalled, reloadUnits, rules, service } from '../resources/index.ts';
import type { RulesProps } from '../resources/index.ts';
import { loaderFile, PREFERS_NFTABLES } from '../resources/rules-shell.ts';

export interface RulesAtBoot extends RulesProps {
  /** What the unit says it is, in systemd's list. */
  readonly description: string;
}

/** The tools that a set of rules needs, whichever of the two will hold it. */
function tools(engine: RulesProps['engine']): Resource[] {
  const holders =
    engine === 'auto'
      ? [
          onlyWhere(PREFERS_NFTABLES, packageInstalled({ name: 'nftables' })),
          onlyWhere(`! { ${PREFERS_NFTABLES}; }`, packageInstalled({ name: 'iptables' })),
        ]
      : [packageInstalled({ name: engine })];
  return [...holders, packageInstalled({ name: 'conntrack' })];
}

/**
 * A set of rules of its own name, with its tools and the unit provision-NAME.service that loads it at boot before the
 * network. Both texts null = none of it, tools excepted.
 */
export function rulesAtBoot({ description, ...set }: RulesAtBoot, { template }: RoleContext): Resource[] {
  const absent = set.nftables === null && set.iptables === null;
  const unit = `provision-${set.name}.service`;
  const data = { description, loader: loaderFile(set.name) };
  return [
    ...(absent ? [] : tools(set.engine)),
    rules(set),
    file({
      path: `/etc/systemd/system/${unit}`,
      content: absent ? null : template('systemd/provision-rules.service', data),
      notify: reloadUnits,
    }),
    service({ name: unit, enabled: !absent }),
  ];
}
