import type { Resource } from '../model/resource.ts';

/**
 * The same resource, declared to be as it was before it was first changed on that host. Without a record of that it
 * was never taken over, and is left alone. Packages stay installed.
 */
export const toBaseline = (resource: Resource): Resource => ({
  ...resource,
  declared: resource.declared === null ? null : `baseline of ${resource.declared}`,
  toBaseline: true,
  secrets: [],
  // What may cut us off is asked of what is declared.
  probeMore: undefined,
  plan: (output, facts, around = {}) => {
    const { baseline = null } = around;
    return baseline === null || resource.phase === 'package'
      ? null
      : resource.planBack(output, facts, baseline, around);
  },
  baseline: () => null,
});
