import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { maskedData } from '../model/mask.ts';
import type { SavedPlan } from '../model/plan.ts';
import type { Report } from '../model/report.ts';

/** Writes a file whole or not at all. It may name addresses and rules of a network: readable by its owner only. */
export function writePrivately(file: string, text: string): void {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

const json = (value: unknown): string => `${JSON.stringify(maskedData(value), null, 2)}\n`;

/** `--report FILE.json` */
export const jsonReport = (report: Report): string => json(report);

/** `--check --out FILE` */
export const writePlan = (file: string, plan: SavedPlan): void => writePrivately(file, json(plan));
