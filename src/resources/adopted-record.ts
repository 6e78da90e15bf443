import { chainOfLine, withoutCounters } from './adopted-places.ts';
import type { LivePlace, SavedPlace } from './adopted-places.ts';

/** What a host remembers of the rules that were taken over. */
export interface AdoptedRecord {
  readonly live: readonly LivePlace[];
  readonly saved: readonly SavedPlace[];
}

const TOOLS = ['iptables', 'iptables-nft', 'iptables-legacy'];

const isPlace = (value: unknown): value is { table: string; line: string; at: number } => {
  const { table, line, at } = (value ?? {}) as Partial<LivePlace>;
  return (
    typeof table === 'string' &&
    /^[a-z]+$/.test(table) &&
    typeof line === 'string' &&
    !/[\n\0]/.test(line) &&
    chainOfLine(withoutCounters(line)) !== '' &&
    Number.isInteger(at) &&
    Number(at) > 0
  );
};
const isLive = (value: unknown): value is LivePlace =>
  isPlace(value) && TOOLS.includes((value as Partial<LivePlace>).tool ?? '');
const isSaved = (value: unknown): value is SavedPlace =>
  isPlace(value) && typeof (value as Partial<SavedPlace>).path === 'string';

export const recordText = (record: AdoptedRecord): string => `${JSON.stringify(record, null, 1)}\n`;

/** The record as the host has it; null = it has none. Throws where it is none of ours. */
export function parseRecord(text: string | null): AdoptedRecord | null {
  if (text === null) return null;
  const { live, saved } = JSON.parse(text) as Partial<Record<string, unknown>>;
  if (!Array.isArray(live) || !live.every(isLive) || !Array.isArray(saved) || !saved.every(isSaved))
    throw new Error('the record of rules that were taken over is not one');
  return { live, saved };
}
