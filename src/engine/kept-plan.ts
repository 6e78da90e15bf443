import type { Change, FieldValue, Handler, ResourceChange, Transition } from '../model/resource.ts';
import { withoutChecks } from './step-shell.ts';
import type { ChangePlan } from './transaction-script.ts';

/** What has no use on a way back of its own: files are put back from the snapshot, never written anew. */
const kept = (transition: Transition): Transition => {
  const { steps, handlers, paths, atBoot, settled } = transition;
  return {
    steps,
    ...(handlers ? { handlers: withoutChecks(transition) } : {}),
    ...(paths ? { paths } : {}),
    ...(atBoot ? { atBoot } : {}),
    ...(settled ? { settled } : {}),
  };
};

/** The changes of a transaction as data, for `plan.json` beside its snapshot: what a later rollback is made of. */
export const keptPlanText = ({ changes }: ChangePlan): string =>
  JSON.stringify({
    version: 1,
    changes: changes.map(({ resource, kind, changes: differences, apply, revert }) => ({
      resource,
      kind,
      changes: differences,
      apply: kept(apply),
      revert: kept(revert),
    })),
  });

type Data = Readonly<Record<string, unknown>>;
type Is<T> = (value: unknown) => value is T;

const isData: Is<Data> = (value): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** NUL can be in no word of a shell. */
const isText: Is<string> = (value): value is string => typeof value === 'string' && !value.includes('\0');
const isList =
  <T>(is: Is<T>): Is<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.every((item) => is(item));
const isPath: Is<string> = (value): value is string => isText(value) && value.startsWith('/');
const isHandler: Is<Handler> = (value): value is Handler =>
  isData(value) &&
  isText(value['id']) &&
  isText(value['script']) &&
  ['soon', 'last'].every((key) => value[key] === undefined || typeof value[key] === 'boolean');
const isFieldValue: Is<FieldValue> = (value): value is FieldValue =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value) || isList(isText)(value);
const isChange: Is<Change> = (value): value is Change =>
  isData(value) &&
  ['resource', 'field', 'sentence'].every((key) => isText(value[key])) &&
  ['create', 'update', 'delete'].includes(String(value['action'])) &&
  ['live', 'saved'].includes(String(value['layer'])) &&
  isFieldValue(value['before']) &&
  isFieldValue(value['after']);

const absentOr =
  (is: Is<unknown>) =>
  (value: unknown): boolean =>
    value === undefined || is(value);
const isTransition: Is<Transition> = (value): value is Transition =>
  isData(value) &&
  isList(isText)(value['steps']) &&
  absentOr(isList(isHandler))(value['handlers']) &&
  absentOr(isList(isPath))(value['paths']) &&
  absentOr(isList(isText))(value['atBoot']) &&
  absentOr(isList(isText))(value['settled']);

type Kept = Omit<ResourceChange, 'phase' | 'text'>;
const isKept: Is<Kept> = (value): value is Kept =>
  isData(value) &&
  isText(value['resource']) &&
  isText(value['kind']) &&
  isList(isChange)(value['changes']) &&
  isTransition(value['apply']) &&
  isTransition(value['revert']);

/** The changes in a `plan.json` that a host sent; null for anything that is not whole or not of this form. */
export function parseKeptPlan(text: string): readonly ResourceChange[] | null {
  try {
    const data: unknown = JSON.parse(text);
    if (!isData(data) || data['version'] !== 1 || !isList(isKept)(data['changes'])) return null;
    return data['changes'].map(({ resource, kind, changes, apply, revert }) => ({
      resource,
      kind,
      phase: 'main',
      changes,
      apply: kept(apply),
      revert: kept(revert),
    }));
  } catch {
    return null;
  }
}
