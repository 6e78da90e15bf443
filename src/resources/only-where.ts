import type { Probe, ProbeOutput, Resource } from '../model/resource.ts';

const ELSEWHERE = 'not here';

const isElsewhere = ({ stdout }: ProbeOutput): boolean => stdout.startsWith(`${ELSEWHERE}\n`);

const probeWhere = (condition: string, probe: Probe): Probe =>
  typeof probe === 'string'
    ? `if ! { ${condition}; }; then echo '${ELSEWHERE}'; exit 0; fi\n${probe}`
    : [`{ ${condition}; } || echo '${ELSEWHERE}'`, ...probe];

/**
 * A resource that only hosts of a kind need: where `condition` (shell text that only reads) fails, it is as it should
 * be whatever it is. For what depends on the host itself, as the tool that an `auto` setting ends up with.
 */
export const onlyWhere = (condition: string, resource: Resource): Resource => ({
  ...resource,
  declared: resource.declared === null ? null : `${condition}\n${resource.declared}`,
  probe: probeWhere(condition, resource.probe),
  probeMore: (output, facts) => {
    const more = isElsewhere(output) ? null : resource.probeMore?.(output, facts);
    return more ? probeWhere(condition, more) : null;
  },
  plan: (output, facts, around) => (isElsewhere(output) ? null : resource.plan(output, facts, around)),
  planBack: (output, facts, baseline, around) =>
    isElsewhere(output) ? null : resource.planBack(output, facts, baseline, around),
  baseline: (output, facts) => (isElsewhere(output) ? null : resource.baseline(output, facts)),
});
