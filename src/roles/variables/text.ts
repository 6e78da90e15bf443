import { z } from 'zod';
import { Secret, secretOf, secretsIn } from '../../model/secret.ts';

/** What is wrong with a value: a sentence, and what to write instead. */
export interface Complaint {
  readonly message: string;
  readonly hint?: string | undefined;
}

export const complain = (message: string, hint?: string): Complaint => ({ message, hint });

// C0, DEL, C1 and the two Unicode line ends: any of them starts a new line, or moves the cursor, somewhere.
const CONTROL_CHARACTER = /[\p{Cc}\u2028\u2029]/u;

/** A value in an error text: quoted, escaped, and never long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Said where a secret stands in a field that is shown, or ends up in rules and names. */
export const NO_SECRET = 'a secret cannot stand here';
export const SECRETS_IN = 'Write the value out, or put it into an encrypted file of variables.';

/** What every string is refused for, whatever it means: it ends up in files, scripts and on terminals. */
export function complainOfHostileText(value: string, longest: number): Complaint | undefined {
  if (secretsIn(value).length > 0) return complain(NO_SECRET, SECRETS_IN);
  const found = CONTROL_CHARACTER.exec(value);
  if (found) {
    const code = found[0].codePointAt(0) ?? 0;
    const what = code === 10 || code === 13 ? 'a line break' : `the control character U+${hex(code)}`;
    return complain(`must not contain ${what}`, 'Write it on one line, without escapes such as \\n.');
  }
  if (value === '') return complain('must not be empty');
  if (value.length > longest) return complain(`must be at most ${longest} characters, has ${value.length}`);
  return undefined;
}

const hex = (code: number): string => code.toString(16).toUpperCase().padStart(4, '0');

/** Adds a complaint to zod's list, with the hint where the inventory looks for it. */
export function refuse(
  context: z.RefinementCtx,
  complaint: Complaint | undefined,
  path: readonly (string | number)[] = [],
): void {
  if (!complaint) return;
  context.addIssue({
    code: 'custom',
    message: complaint.message,
    path: [...path],
    ...(complaint.hint === undefined ? {} : { params: { hint: complaint.hint } }),
  });
}

export interface TextRules {
  /** Looked at once the text is known to be short, not empty and without control characters. */
  readonly complaint?: (value: string) => Complaint | undefined;
  /** For editors only: a pattern in the JSON Schema. */
  readonly pattern?: string;
  readonly longest?: number;
}

/** One line of text with rules of its own; `description` is what an editor shows. */
export function text(description: string, { complaint, pattern, longest = 255 }: TextRules = {}) {
  return z
    .string()
    .superRefine((value, context) => {
      refuse(context, complainOfHostileText(value, longest) ?? complaint?.(value));
    })
    .meta({ description, ...(pattern === undefined ? {} : { pattern }) });
}

/** An object whose keys are all known: any other key is an error. */
export function section<Shape extends z.core.$ZodLooseShape>(description: string, shape: Shape) {
  return z.strictObject(shape).describe(description);
}

/** Things by name. */
export function named<Key extends z.core.$ZodRecordKey, Value extends z.core.SomeType>(
  description: string,
  key: Key,
  value: Value,
) {
  return z.record(key, value).describe(description);
}

/** A text that may be a secret, and becomes one: shown nowhere, whatever it was written as. It may have several lines. */
export function secretText(description: string) {
  return z
    .any()
    .superRefine((value: unknown, context) => {
      if (value instanceof Secret) return;
      if (typeof value !== 'string')
        refuse(context, complain('must be text', 'Write text, or refer to a secret.'));
      else if (value === '') refuse(context, complain('must not be empty'));
      else if (value.includes('\0'))
        refuse(context, complain('must not contain a NUL byte', 'No program can be given one.'));
    })
    .transform((value: unknown) => secretOf(value as string | Secret))
    .meta({
      description,
      anyOf: [
        { type: 'string' },
        {
          type: 'object',
          properties: {
            $secret: { type: 'string', description: 'Where its value is had from: docs/secrets.md.' },
          },
          required: ['$secret'],
          additionalProperties: false,
        },
      ],
    });
}
