import { readFileSync } from 'node:fs';
import { ProvisionError } from '../model/error.ts';
import type { Report } from '../model/report.ts';

const isText = (value: unknown): boolean => typeof value === 'string';
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown, is: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(is);
const numbersOf = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((each) => typeof each === 'number');

const isHost = (value: unknown): boolean =>
  isObject(value) &&
  isText(value['name']) &&
  isText(value['status']) &&
  typeof value['resources'] === 'number' &&
  listOf(value['changes'], isObject) &&
  listOf(value['checks'], (check) => isObject(check) && isText(check['status']) && isText(check['name'])) &&
  numbersOf(value['ssh']) &&
  numbersOf(value['timings']);

const isShard = (value: unknown): boolean =>
  value === undefined ||
  (isObject(value) &&
    Number.isInteger(value['index']) &&
    Number.isInteger(value['of']) &&
    listOf(value['hosts'], isText));

const isReport = (value: unknown): value is Report =>
  isObject(value) &&
  value['schemaVersion'] === 1 &&
  isText(value['runId']) &&
  isText(value['startedAt']) &&
  listOf(value['argv'], isText) &&
  Number.isInteger(value['exitCode']) &&
  isShard(value['shard']) &&
  listOf(value['hosts'], isHost);

/** A file that `--report FILE.json` wrote. Throws `usage`. */
export function readReport(file: string): Report {
  const refuse = (why: string): never => {
    throw new ProvisionError('usage', `${file} ${why}.`, {
      hint: 'Name a file that a run wrote by --report FILE.json.',
      place: { file },
    });
  };
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as Error).name === 'SyntaxError') return refuse('is no report: not JSON');
    return refuse(`cannot be read: ${(error as Error).message}`);
  }
  return isReport(value) ? value : refuse('is no report of this version');
}
