import { isMapping } from './document.ts';
import { hasJinja } from './jinja.ts';

/** A text that looks like Jinja and is none (`!unsafe`). */
export class Verbatim {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Tags of YAML that stand for a form that JSON has as well (AnsibleJSONDecoder of ansible/parsing/ajson.py). */
export const TAGGED_FORMS: Readonly<Record<string, string>> = { '!unsafe': '__ansible_unsafe' };

const FORMS = /__ansible_unsafe/;

/** Whether a text could hold such a form at all: most do not, and their data is taken as it is. */
export const mayHoldForms = (text: string): boolean => FORMS.test(text) || /!unsafe/.test(text);

const verbatim = (value: unknown): unknown => {
  if (typeof value === 'string') return hasJinja(value) ? new Verbatim(value) : value;
  return mapInside(value, verbatim);
};

/** Data with what its special forms stand for. */
export function withSpecialValues(value: unknown): unknown {
  if (isMapping(value)) {
    const [only, ...more] = Object.keys(value);
    if (only === '__ansible_unsafe' && more.length === 0) return verbatim(value[only]);
  }
  return mapInside(value, withSpecialValues);
}

/** The same list or mapping with other values. */
function mapInside(value: unknown, change: (inner: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (!isMapping(value) || value instanceof Verbatim) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]));
}
