import { isProvisionError } from '../model/error.ts';
import type { Place } from '../model/error.ts';
import { isMapping } from './document.ts';
import type { Path } from './document.ts';
import { hasJinja } from './jinja.ts';
import type { Problems } from './problems.ts';
import type { Keyring } from './secrets/keyring.ts';
import { isCiphertext, secretReference } from './secrets/references.ts';

/** A text that looks like Jinja and is none (`!unsafe`). */
export class Verbatim {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A text of an encrypted file that refers to other variables: what stands around the references is secret. */
export class SealedText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Tags of YAML, and the form that JSON has for each (AnsibleJSONDecoder of ansible/parsing/ajson.py; `$secret` is ours). */
export const TAGGED_FORMS: Readonly<Record<string, string>> = {
  '!unsafe': '__ansible_unsafe',
  '!vault': '__ansible_vault',
  '!vault-encrypted': '__ansible_vault',
  '!secret': '$secret',
};

/** Whether a text could hold such a form at all: most do not, and their data is taken as it is. */
export const mayHoldForms = (text: string): boolean =>
  /__ansible_|\$secret|!unsafe|!vault|!secret/.test(text);

/** Where the data with the forms stands, and what may be done about secrets in it. */
export interface FormSource {
  readonly place: (path: Path) => Place;
  /** The data was printed by a program. */
  readonly onlyCiphertext?: boolean;
  readonly keyring: Keyring;
  readonly problems: Problems;
}

/** Data with what its special forms stand for. What is wrong with one goes to `problems`. */
export function withSpecialValues(value: unknown, source: FormSource, path: Path = []): unknown {
  if (!isMapping(value)) {
    return Array.isArray(value)
      ? value.map((inner, index) => withSpecialValues(inner, source, [...path, index]))
      : value;
  }
  const [key = '', ...more] = Object.keys(value);
  if (more.length === 0 && key === '__ansible_unsafe') return verbatim(value[key]);
  if (more.length === 0 && (key === '__ansible_vault' || key === '$secret'))
    return secretIn(value[key], key, source, path);
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([name, inner]) => [name, withSpecialValues(inner, source, [...path, name])]),
  );
}

function verbatim(value: unknown): unknown {
  if (typeof value === 'string') return hasJinja(value) ? new Verbatim(value) : value;
  if (Array.isArray(value)) return value.map(verbatim);
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, verbatim(inner)]));
}

function secretIn(value: unknown, key: string, source: FormSource, path: Path): unknown {
  const { keyring, problems, onlyCiphertext = false } = source;
  const place = source.place(path);
  if (typeof value !== 'string' || (key === '__ansible_vault' && !isCiphertext(value))) {
    problems.add({
      message: key === '$secret' ? 'a secret is referred to by text' : 'this is no text of ansible-vault',
      hint: key === '$secret' ? 'Write env:NAME, for example.' : 'It begins with $ANSIBLE_VAULT;1.1;AES256.',
      place,
    });
    return null;
  }
  try {
    return secretReference(value, { place, onlyCiphertext }, keyring);
  } catch (error) {
    if (!isProvisionError(error)) throw error;
    problems.add({ message: error.message, hint: error.hint, place: error.place ?? place, cause: error });
    return null;
  }
}
