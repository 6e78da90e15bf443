import { masked } from '../model/mask.ts';
import type { Check, CheckResult, CheckWhen } from '../model/check.ts';
import { reportedPlace } from '../model/reported.ts';
import type { CheckOutput } from './probe-script.ts';

const UNAVAILABLE = 69;

/** What a check saw, held against what it should see. */
export function judge(
  check: Check,
  seen: CheckOutput | null,
  baseline: CheckResult['baseline'],
): CheckResult {
  const { name, from, kind, to, expect: expected } = check;
  const common = { name, from, kind, to, expected, baseline, ...reportedPlace(check.place) };
  if (seen === null) return { ...common, got: `${from} could not be asked`, status: 'unproven' };
  if (seen.code === UNAVAILABLE) return { ...common, got: printable(seen.output), status: 'unproven' };
  const got = check.read(seen.output);
  return { ...common, got, status: got === expected ? 'pass' : 'fail' };
}

/** An answer is somebody else's text: one short line without control characters. */
const printable = (text: string): string =>
  masked(text)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 120);

/** Which checks are asked before anything is changed: all of them where they are the verdict. */
export const askedFirst = (prove: boolean | undefined): readonly CheckWhen[] =>
  prove ? ['always', 'change', 'verify'] : ['always'];

/** Which checks a run asks: those of `change` only once something has changed. */
export const asked = (checks: readonly Check[], moments: readonly CheckWhen[]): Check[] =>
  checks.filter((check) => moments.includes(check.when));

/**
 * Does this result put a change back? Only what worked before and does not now (or cannot be asked any more), and what must work whatever was
 * before: a network that was broken already must not keep its own repair from happening.
 */
export const mustRevert = (check: Check, result: CheckResult): boolean =>
  result.status !== 'pass' && (result.baseline === 'pass' || check.onFail === 'revert');
