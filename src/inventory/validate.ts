import { CONNECTIONS } from '../roles/variables/connection.ts';
import type { z } from 'zod';
import { secretOf, secretsIn } from '../model/secret.ts';
import type { Secret } from '../model/secret.ts';
import { hostVariables, VARIABLE_NAMES } from '../roles/variables/index.ts';
import type { HostVariables, VariableName } from '../roles/variables/index.ts';
import { NO_SECRET, SECRETS_IN } from '../roles/variables/text.ts';
import {
  isAnsibleName,
  isPassword,
  refuseAnsibleVariable,
  warnOfAnsibleVariable,
} from './ansible-variables.ts';
import { closest } from './did-you-mean.ts';
import { deferredIn, entriesOf, setValue } from './deferred.ts';
import { findString, pathText } from './document.ts';
import type { Path } from './document.ts';
import type { Definition, Definitions } from './tree.ts';
import { hasJinja } from './jinja.ts';
import { isEncryptedValue } from './secrets/references.ts';
import { unsealed } from './secrets/sealed.ts';
import { explainIssues } from './issue-text.ts';
import { lintAcrossHosts, lintHost } from './lints/index.ts';
import type { Lint } from './lints/index.ts';
import type { Problem, Problems } from './problems.ts';

/** The outcome for one definition; the same one serves every host that it reaches. */
interface Verdict {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** A host whose variables have been looked at. */
export interface CheckedHost {
  readonly name: string;
  readonly definitions: Definitions;
  /** All variables; those that provision reads with their defaults filled in. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** Only those that provision reads and that are valid. */
  readonly valid: Readonly<HostVariables>;
}

export interface Validator {
  /** Every variable of a host by itself, then all together; `read` has them by the names that provision reads. */
  host(name: string, groups: readonly string[], definitions: Definitions, read: Definitions): CheckedHost;
  /** A definition that may not have reached any host: its mistakes count too. */
  definition(definition: Definition): void;
  /** What only several hosts together show. */
  across(hosts: readonly CheckedHost[]): void;
}

const isRead = (key: string): key is VariableName => Object.hasOwn(hostVariables.shape, key);

/** Variables that two groups of equal rank must not set differently: those that are provision's own. */
export const OWN_VARIABLES: ReadonlySet<string> = new Set(
  VARIABLE_NAMES.filter((key) => !key.startsWith('ansible_')),
);

/** Checks definitions against the schema, each once, and tells `problems` for which hosts they fail. */
export function createValidator(problems: Problems): Validator {
  const verdicts = new Map<Definition, Verdict>();
  const judge = (definition: Definition, host?: string): Verdict => {
    let verdict = verdicts.get(definition);
    if (!verdict) {
      verdict = judgeDefinition(definition);
      verdicts.set(definition, verdict);
    }
    for (const problem of verdict.problems) problems.add({ ...problem, host });
    for (const problem of verdict.warnings) problems.warn({ ...problem, host });
    return verdict;
  };
  const tell = (lint: Lint, host: CheckedHost): void => {
    const definition = host.definitions.get(String(lint.path[0]));
    const problem = definition
      ? problemAt(definition, lint.path.slice(1), lint)
      : { message: lint.message, hint: lint.hint };
    if (lint.severity === 'warning') problems.warn({ ...problem, host: host.name });
    else problems.add({ ...problem, host: host.name });
  };
  return {
    definition(definition) {
      if (verdicts.has(definition)) return;
      // What it refers to is another thing for each host, and it has reached none; what is encrypted nobody has opened.
      const { value } = definition;
      if (!findString(value, hasJinja) && !secretsIn(value).some(isEncryptedValue)) judge(definition);
    },
    host(name, groups, definitions, read) {
      const vars: Record<string, unknown> = {};
      const valid: Record<string, unknown> = {};
      const broken = new Set<string>();
      for (const [key, definition] of read) {
        const verdict = judge(definition, name);
        const own = definitions.get(key);
        if (own) setValue(vars, key, shownAs(key, own === definition ? verdict.value : own.value));
        if (verdict.problems.length > 0) broken.add(key);
        else if (isRead(key)) valid[key] = verdict.value;
      }
      for (const [key, { value }] of definitions)
        if (!read.has(key)) setValue(vars, key, shownAs(key, value));
      const host: CheckedHost = { name, definitions: read, vars, valid };
      for (const lint of lintHost({ vars: valid, broken, groups })) tell(lint, host);
      return host;
    },
    across(hosts) {
      const byName = new Map(hosts.map((host) => [host.name, host]));
      for (const { host, lint } of lintAcrossHosts(hosts.map(({ name, valid }) => ({ name, vars: valid })))) {
        const checked = byName.get(host);
        if (checked) tell(lint, checked);
      }
    },
  };
}

/** A password is a secret also where it was written in plain text. */
const shownAs = (key: string, value: unknown): unknown =>
  isPassword(key) && typeof value === 'string' ? secretOf(value) : value;

function problemAt(
  { key, origin }: Definition,
  path: Path,
  { message, hint, at }: Omit<Lint, 'path'>,
): Problem {
  const text = `${pathText([key, ...path])}: ${message}`;
  return { message: text, hint, at, origin: { ...origin, path: [...origin.path, ...path] } };
}

function judgeDefinition(definition: Definition): Verdict {
  const { key, value } = definition;
  const refused = refuseAnsibleVariable(definition);
  if (refused) return { value, problems: [refused], warnings: [] };
  if (!isRead(key)) return { value, problems: [], warnings: warnOfStranger(definition) };

  // Hosts that are reached in a way we do not know are told apart, and are no mistake.
  if (key === 'ansible_connection' && typeof value === 'string' && !Object.hasOwn(CONNECTIONS, value))
    return { value, problems: [], warnings: [] };
  const refusedValue = deferredIn(value);
  if (refusedValue) return { value, problems: [refusedValue.deferred.problem], warnings: [] };
  const schema = hostVariables.shape[key];
  const asItIs = judgeValue(definition, schema, value);
  // What an encrypted file says of our variables is read like any other value.
  const isRefused = asItIs.problems.length > 0 && secretsIn(value).length > 0;
  const verdict = isRefused ? judgeValue(definition, schema, unsealed(value)) : asItIs;
  return { ...verdict, warnings: isPassword(key) ? warnOfPlainText(definition) : [] };
}

function judgeValue(definition: Definition, schema: z.ZodType, value: unknown): Verdict {
  // `nics:` with nothing below it is null: as if the key were not there would hide a slip of the indentation.
  const result = schema.safeParse(value);
  if (!result.success) {
    const explained = explainIssues(result.error.issues, schema, value);
    return { value, problems: explained.map((one) => problemAt(definition, one.path, one)), warnings: [] };
  }
  // A schema of mappings takes a secret for an empty one.
  const kept = secretsIn(result.data);
  const lost = secretsIn(value).find((secret) => pathOf(value, secret) && !kept.includes(secret));
  if (!lost) return { value: result.data, problems: [], warnings: [] };
  const problem = problemAt(definition, pathOf(value, lost) ?? [], { message: NO_SECRET, hint: SECRETS_IN });
  return { value, problems: [problem], warnings: [] };
}

/** Where a secret stands as a value of its own. */
function pathOf(value: unknown, secret: Secret, path: Path = []): Path | undefined {
  if (value === secret) return path;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of entriesOf(value)) {
    const found = pathOf(inner, secret, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

function warnOfPlainText({ key, value, origin }: Definition): Problem[] {
  if (typeof value !== 'string' || secretsIn(value).length > 0) return [];
  return [
    {
      message: `${key} stands here in plain text`,
      hint: 'Put it into a vault, or refer to it: docs/secrets.md',
      origin,
      at: 'key',
    },
  ];
}

function warnOfStranger(definition: Definition): Problem[] {
  const { key, origin } = definition;
  const ansible = warnOfAnsibleVariable(definition);
  if (ansible.length > 0) return ansible;
  const near = isAnsibleName(key) ? undefined : closest(key, VARIABLE_NAMES);
  if (near === undefined) return [];
  return [
    {
      message: `${key} is not a variable that provision reads`,
      hint: `Did you mean "${near}"?`,
      origin,
      at: 'key',
    },
  ];
}
