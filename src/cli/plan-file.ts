import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ProvisionError } from '../model/error.ts';
import type { SavedChange, SavedHost, SavedPlan } from '../model/plan.ts';

const text = (value: unknown): boolean => typeof value === 'string';
const object = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown, is: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(is);

const isChange = (value: unknown): value is SavedChange =>
  object(value) && text(value['resource']) && text(value['digest']) && listOf(value['sentences'], text);

const isHost = (value: unknown): value is SavedHost =>
  object(value) &&
  text(value['name']) &&
  listOf(value['changes'], isChange) &&
  (text(value['digest']) || value['digest'] === null) &&
  (value['error'] === undefined || (object(value['error']) && text(value['error']['message'])));

const isPlan = (value: unknown): value is SavedPlan =>
  object(value) &&
  value['schemaVersion'] === 1 &&
  ['runId', 'createdAt', 'playbook'].every((key) => text(value[key])) &&
  listOf(value['hosts'], isHost);

const MAKE_ONE = 'Make a plan by: provision PLAYBOOK -i INVENTORY --check --out plan.json';

const refused = (file: string, why: string): ProvisionError =>
  new ProvisionError('usage', `--plan ${file}: ${why}.`, { hint: MAKE_ONE });

/** The plan that `--check --out FILE` wrote. Throws `usage`. */
export function readPlan(file: string): SavedPlan {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (error as Error).name === 'SyntaxError')
      throw refused(file, 'it is no plan: not JSON');
    throw refused(file, `it cannot be read: ${(error as Error).message}`);
  }
  if (object(value) && text(value['createdAt']) && value['schemaVersion'] !== 1)
    throw refused(
      file,
      `it is a plan of another version of provision (schemaVersion ${JSON.stringify(value['schemaVersion'])})`,
    );
  if (!isPlan(value)) throw refused(file, 'it is no plan');
  return value;
}

/** Why a file could not be written there; null = it can. Its directory is made. */
export function obstacleAt(file: string): string | null {
  const directory = path.dirname(path.resolve(file));
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return existsSync(file) && statSync(file).isDirectory() ? 'it is a directory' : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
