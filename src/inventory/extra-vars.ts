import { ProvisionError } from '../model/error.ts';
import { computedDocument, isMapping } from './document.ts';
import type { SourceDocument } from './document.ts';
import { kindOf } from './kind-of.ts';
import { Locked } from './read-document.ts';
import type { Reading } from './read-document.ts';
import { sealed } from './secrets/sealed.ts';
import type { Definitions } from './tree.ts';
import { parseYamlDocument } from './yaml-document.ts';

/** What stands for a file in messages and in `provision inventory blame`. */
const SHOWN = '-e';

const KEY = /^[A-Za-z_]\w*$/;

/** Blanks part pairs; inside quotes they do not. */
const PAIR = /((?:[^\s'"]|'[^']*'|"(?:[^"\\]|\\.)*")+)(?:\s+|$)/y;

const unquoted = (text: string): string =>
  text.replaceAll(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"/g,
    (_all, single?: string, double?: string) => single ?? (double ?? '').replaceAll(/\\(.)/g, '$1'),
  );

/** `key=value key2='a value'`; values are text, as in Ansible. Throws `usage`. */
export function parsePairs(typed: string): Record<string, string> {
  const refuse = (why: string): never => {
    throw new ProvisionError('usage', `-e ${JSON.stringify(typed)}: ${why}.`, {
      hint: 'Write -e key=value, -e \'{"key": [1, 2]}\' or -e @FILE with YAML or JSON.',
    });
  };
  const pairs: Record<string, string> = {};
  const text = typed.trim();
  let at = 0;
  while (at < text.length) {
    PAIR.lastIndex = at;
    const [whole, pair = ''] = PAIR.exec(text) ?? refuse('a quote is not closed');
    at += whole?.length ?? text.length;
    const sign = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, sign));
    if (sign < 0) refuse(`${JSON.stringify(pair)} has no "="`);
    if (!KEY.test(key)) refuse(`${JSON.stringify(key)} cannot be the name of a variable`);
    pairs[key] = unquoted(pair.slice(sign + 1));
  }
  if (at === 0) refuse('there is nothing in it');
  return pairs;
}

/**
 * What `-e` sets for every host, before anything else: `@FILE`, a mapping as JSON or YAML, or pairs. Of several the
 * last wins, key by key. Mistakes go to `problems`; `usage` is thrown for pairs that are none.
 */
export async function readExtraVars(
  typed: readonly string[],
  read: (file: string) => Promise<SourceDocument | Locked | undefined>,
  reading: Pick<Reading, 'problems' | 'keyring'>,
): Promise<Definitions> {
  const { problems } = reading;
  const extra: Definitions = new Map();
  for (const word of typed) {
    const document = word.startsWith('@')
      ? await read(word.slice(1))
      : /^\s*[[{]/.test(word)
        ? parseYamlDocument({ text: word, isSealed: false }, SHOWN, reading)
        : computedDocument(SHOWN, parsePairs(word));
    if (document === undefined) continue;
    if (document instanceof Locked) {
      // It is asked for by name, for every host.
      problems.add(document.problem);
      continue;
    }
    const { data } = document;
    if (data === null || data === undefined) continue;
    if (!isMapping(data)) {
      const message = `a mapping of variables is expected, this is ${kindOf(data)}`;
      problems.add({ message, hint: 'Write {"key": value}.', origin: { document, path: [] } });
      continue;
    }
    for (const [key, value] of Object.entries(data))
      extra.set(key, {
        key,
        value: document.isSealed ? sealed(value) : value,
        owner: SHOWN,
        origin: { document, path: [key] },
      });
  }
  return extra;
}
