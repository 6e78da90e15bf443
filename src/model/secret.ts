import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { ProblemList, problemsOf } from './error.ts';
import type { ProvisionError } from './error.ts';
import { expectTokens, keepFromOutput, MASK } from './mask.ts';

/** Where the value of a secret is had from, once, when it is needed. Rejects with an error for a person. */
export type ReadSecret = () => string | Promise<string>;

/**
 * A value that never shows itself. In text, also inside a longer one and in JSON, a token stands for it: it prints as
 * three dots. Only what writes secrets puts the value into its place (`openSecrets`), and `reveal` is called where it is used.
 */
export class Secret {
  readonly #read: ReadSecret;
  readonly #token: string;
  #value: string | undefined;
  #reading: Promise<void> | undefined;
  #json: Secret | undefined;

  /** A value that is known, or the way to have it. */
  constructor(value: string | ReadSecret) {
    this.#read = typeof value === 'string' ? () => value : value;
    this.#token = tokenOf(this);
    if (typeof value === 'string') this.#keep(value);
  }

  #keep(value: string): void {
    this.#value = value;
    keepFromOutput(value);
  }

  /** Has the value, if it is not known yet; whoever asks, it is had once. */
  async read(): Promise<void> {
    if (this.#value !== undefined) return;
    this.#reading ??= Promise.resolve(this.#read()).then((value) => this.#keep(value));
    await this.#reading;
  }

  /** Throws where `read` has not ended. */
  reveal(): string {
    if (this.#value === undefined) throw new Error('this secret has not been read yet');
    return this.#value;
  }

  /** For showing what would be written: from now on its value is the mask. */
  hide(): void {
    this.#value = MASK;
  }

  /** Another secret made of it: quoted, hashed, encoded. */
  map(change: (value: string) => string): Secret {
    return new Secret(async () => {
      await this.read();
      return change(this.reveal());
    });
  }

  toString(): string {
    return this.#token;
  }

  /** Inside JSON its value is escaped as JSON wants it. */
  toJSON(): string {
    this.#json ??= this.map((value) => JSON.stringify(value).slice(1, -1));
    return this.#json.toString();
  }

  [inspect.custom](): string {
    return MASK;
  }
}

// Nobody outside this process can make a token: a host's output, or a program's, cannot ask for a secret.
const NONCE = randomBytes(8).toString('hex');
const byToken = new Map<string, Secret>();

/** The mask, and behind it a name in characters that nothing shows (Unicode's tags, U+E0020 to U+E007F). */
function tokenOf(secret: Secret): string {
  expectTokens();
  const name = [...`${NONCE}.${byToken.size}`].map((sign) =>
    String.fromCodePoint(0xe0000 + sign.charCodeAt(0)),
  );
  const token = `${MASK}${name.join('')}\u{E007F}`;
  byToken.set(token, secret);
  return token;
}

const TOKENS = /•••[\u{E0020}-\u{E007E}]+\u{E007F}/gu;

/** A list or a mapping, of whatever realm; not an instance of a class. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** All secrets in a value, in its texts and anywhere inside; each once. */
export function secretsIn(value: unknown): Secret[] {
  if (byToken.size === 0) return [];
  const found = new Set<Secret>();
  const seen = new Set<object>();
  const search = (inner: unknown): void => {
    if (inner instanceof Secret) found.add(inner);
    else if (typeof inner === 'string') {
      if (!inner.includes(MASK)) return;
      for (const [token] of inner.matchAll(TOKENS)) {
        const secret = byToken.get(token);
        if (secret) found.add(secret);
      }
    } else if (isPlain(inner) && !seen.has(inner)) {
      seen.add(inner);
      for (const { value: next } of Object.values(Object.getOwnPropertyDescriptors(inner))) search(next);
    }
  };
  search(value);
  return [...found];
}

/** Whether a text holds a piece of what stands for a secret: somebody has cut or changed it. */
export const holdsBrokenSecret = (text: string): boolean =>
  /[\u{E0020}-\u{E007F}]/u.test(
    text.includes(MASK) ? text.replaceAll(TOKENS, (token) => (byToken.has(token) ? '' : token)) : text,
  );

/** How many secrets are read side by side: programs that print one may take a second each. */
const AT_ONCE = 8;

/** Reads secrets, each once. Throws a ProblemList with every reason that one cannot be had, each told once. */
export async function readSecrets(secrets: Iterable<Secret>): Promise<void> {
  const waiting = [...new Set(secrets)];
  const problems = new Map<string, ProvisionError>();
  const work = async (): Promise<void> => {
    for (let secret = waiting.shift(); secret; secret = waiting.shift()) {
      await secret.read().catch((error: unknown) => {
        for (const problem of problemsOf(error)) {
          const id = `${problem.code} ${problem.message}`;
          if (!problems.has(id)) problems.set(id, problem);
        }
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (problems.size > 0) throw new ProblemList([...problems.values()]);
}

/** The text with the values of its secrets in their places. All of them must have been read. */
const opened = (text: string): string =>
  text.includes(MASK) ? text.replaceAll(TOKENS, (token) => byToken.get(token)?.reveal() ?? token) : text;

/** The same data with the values of its secrets in their places. All of them must have been read. */
export function openSecrets<T>(value: T): T {
  if (value instanceof Secret) return value.reveal() as T;
  if (typeof value === 'string') return opened(value) as T;
  if (Array.isArray(value)) return value.map((inner: unknown) => openSecrets(inner)) as T;
  if (!isPlain(value)) return value;
  const entries = Object.entries(value).map(
    ([key, inner]: [string, unknown]) => [key, openSecrets(inner)] as const,
  );
  return Object.fromEntries(entries) as T;
}

/** A text that is one secret as a whole, whatever secrets it is made of; a secret is itself. */
export function secretOf(value: string | Secret): Secret {
  if (value instanceof Secret) return value;
  const parts = secretsIn(value);
  if (parts.length === 0) return new Secret(value);
  return new Secret(async () => {
    await Promise.all(parts.map((secret) => secret.read()));
    return opened(value);
  });
}
