import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isLabId, labNames, STATE_ROOT } from './names.ts';
import type { LabPlan } from './plan.ts';
import type { Process } from './process.ts';

/** What `lab up` remembers. `starting` = an `up` is under way, or was killed. */
export interface LabState {
  readonly id: string;
  readonly source: string;
  readonly phase: 'starting' | 'up';
  readonly planHash: string;
  readonly plan: LabPlan;
  /** systemd-nspawn of each host. */
  readonly machines: Readonly<Record<string, Process>>;
}

export const planHashOf = (plan: LabPlan): string =>
  createHash('sha256').update(JSON.stringify(plan)).digest('hex');

/** The remembered state; null when there is none, or when a killed `up` left half of it. */
export function readState(id: string): LabState | null {
  const { stateFile } = labNames(id);
  if (!existsSync(stateFile)) return null;
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8')) as LabState;
  } catch {
    return null;
  }
}

export function writeState(state: LabState): void {
  const { stateFile } = labNames(state.id);
  writeFileSync(`${stateFile}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
  renameSync(`${stateFile}.new`, stateFile);
}

/** Labs of this machine that have left anything in the state directory. */
export const knownLabs = (): string[] =>
  existsSync(STATE_ROOT) ? readdirSync(STATE_ROOT).filter(isLabId) : [];
