import type { ProbeOutput, Resource } from '../model/resource.ts';

const ELSEWHERE = 'not here';

const isElsewhere = ({ stdout }: ProbeOutput): boolean => stdout.startsWith(`${ELSEWHERE}\n`);

/**
 * A resource that only hosts of a kind need: where `condition` (shell text that only reads) fails, it is as it should
 * be whatever it is. For what depends on the host itself, as the tool that an `auto` setting ends up with.
 */
export const onlyWhere = (condition: string, resource: Resource): Resource => ({
  ...resource,
  declared: resource.declared === null ? null : `${condition}\n${resource.declared}`,
  probe:
    typeof resource.probe === 'string'
      ? `if ! { ${condition}; }; then echo '${ELSEWHERE}'; exit 0; fi\n${resource.probe}`
      : [`{ ${condition}; } || echo '${ELSEWHERE}'`, ...resource.probe],
  plan: (output, facts, around) => (isElsewhere(output) ? null : resource.plan(output, facts, around)),
  planBack: (output, facts, baseline, around) =>
    isElsewhere(output) ? null : resource.planBack(output, facts, baseline, around),
  baseline: (output, facts) => (isElsewhere(output) ? null : resource.baseline(output, facts)),
});
