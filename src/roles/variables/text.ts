import { z } from 'zod';

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

/** What every string is refused for, whatever it means: it ends up in files, scripts and on terminals. */
export function complainOfHostileText(value: string, longest: number): Complaint | undefined {
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
