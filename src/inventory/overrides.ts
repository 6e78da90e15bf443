import type { Host } from '../model/host.ts';
import type { SourceDocument } from './document.ts';
import type { Definitions } from './tree.ts';
import { entriesOf } from './deferred.ts';
import { gatherProblems } from './problems.ts';
import { createValidator } from './validate.ts';

/**
 * A host's variables with a play's own laid over them, key by key, validated like those of an inventory. What
 * `-e` sets stays.
 * `file` is the playbook. Throws a ProblemList of `playbook` errors.
 */
export function overrideVariables(
  host: Host,
  overrides: Readonly<Record<string, unknown>>,
  file: string,
): Readonly<Record<string, unknown>> {
  const playbook: SourceDocument = { file, data: overrides, text: undefined, place: () => ({ file }) };
  const inventory: SourceDocument = {
    ...playbook,
    data: host.vars,
    place: (path) => host.place(path) ?? { file },
  };
  const definitions: Definitions = new Map();
  const fixed = new Set(host.extraVars);
  for (const [document, owner] of [
    [inventory, `host ${host.name}`],
    [playbook, 'the play'],
  ] as const) {
    for (const [key, value] of entriesOf(document.data as object)) {
      if (document === playbook && fixed.has(key)) continue;
      definitions.set(key, { key, value, owner, origin: { document, path: [key] } });
    }
  }
  const problems = gatherProblems('playbook');
  const { vars } = createValidator(problems).host(host.name, host.groups, definitions, definitions);
  problems.throwIfAny();
  return vars;
}
