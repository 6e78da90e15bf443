import { masked } from '../model/mask.ts';
import { decode, framedLines } from './frame.ts';
import type { ChangePlan } from './transaction-script.ts';

export interface StepFailure {
  readonly resource: string;
  readonly code: number;
  readonly output: string;
}

export interface ApplyOutcome {
  /** `applied` and armed; or `reverted`; or that failed too (`stuck`); or `refused` before anything; or nobody said. */
  readonly ending: 'applied' | 'reverted' | 'stuck' | 'refused' | 'too-late' | 'confirmed' | 'unknown';
  readonly failures: readonly StepFailure[];
  readonly refusal?: { readonly reason: 'locked' | 'pending' | 'stuck' | 'not-armed'; readonly text: string };
}

/** The framed line of a finished step → the resource it belongs to, for progress. */
export function stepOf(line: string, nonce: string, plan: ChangePlan): string | null {
  const [word, label] = framedLines(line, nonce)[0] ?? [];
  if (word !== 'done' || label === undefined) return null;
  return [...plan.packages, ...plan.changes][Number(label)]?.resource ?? null;
}

/**
 * The change that a handler's output speaks of: the only one of those with handlers whose name stands there in quotes
 * ("Zone 'public': 'x' not among existing services"), or that of its file (firewalld 0.9: "'public.xml': 'x' not …"). Null = nobody
 * can tell.
 */
function namedIn(output: string, { changes }: ChangePlan): string | null {
  const named = changes.filter(({ resource, apply }) => {
    const name = resource.slice(resource.indexOf(':') + 1);
    return apply.handlers?.length && (output.includes(`'${name}'`) || output.includes(`'${name}.xml'`));
  });
  return named.length === 1 ? (named[0]?.resource ?? null) : null;
}

/** Colours of programs that take our shell for a terminal, as busctl of systemd 247 does (ECMA-48, SGR). */
const COLOURS = /\x1b\[[\d;]*m/g;

const ENDINGS = new Set(['applied', 'reverted', 'stuck', 'too-late', 'confirmed']);

/** What any of these scripts printed → how it ended. */
export function parseTransaction(stdout: string, nonce: string, plan: ChangePlan): ApplyOutcome {
  const all = [...plan.packages, ...plan.changes];
  const failures: StepFailure[] = [];
  let ending: ApplyOutcome['ending'] = 'unknown';
  let refusal: ApplyOutcome['refusal'];
  const lines = framedLines(stdout, nonce);
  lines.forEach(([word = '', label = '', code], index) => {
    if (ENDINGS.has(word)) ending = word as ApplyOutcome['ending'];
    if (word.startsWith('refused-')) {
      ending = 'refused';
      const reason = word.slice('refused-'.length) as NonNullable<ApplyOutcome['refusal']>['reason'];
      refusal = { reason, text: masked(decode(label, code ?? '')) };
    }
    if (word !== 'failed') return;
    const [, length, payload] = lines[index + 1] ?? [];
    const output = masked(decode(length, payload ?? '').replaceAll(COLOURS, ''));
    failures.push({
      resource:
        all[Number(label.replace(/^revert-|-part$/g, ''))]?.resource ??
        namedIn(output, plan) ??
        label.replace(/-part$/, ''),
      code: Number(code),
      output,
    });
  });
  return { ending, failures, ...(refusal ? { refusal } : {}) };
}

/** Endings that `statusScript` found. */
export const endingOf = (stdout: string, nonce: string): string | null =>
  framedLines(stdout, nonce).find(([word]) => word === 'ending')?.[1] ?? null;
