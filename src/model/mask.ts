/** What stands in the place of a secret wherever something is shown. */
export const MASK = '•••';

/** A shorter value is in every other text: it could not be told from them. */
export const SHORTEST_MASKED = 4;
/** Single lines of a value, and ends of encoded ones, must be longer than that to mean the secret and nothing else. */
const SHORTEST_PART = 8;

/** What is looked for, by its first characters; longest first. */
const needles = new Map<string, string[]>();
const known = new Set<string>();

function look(form: string): void {
  if (form.length < SHORTEST_MASKED || known.has(form)) return;
  known.add(form);
  const start = form.slice(0, SHORTEST_MASKED);
  const same = [...(needles.get(start) ?? []), form];
  needles.set(
    start,
    same.sort((a, b) => b.length - a.length),
  );
}

const XML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Base64 of a text that may stand anywhere inside another one: what is the same whatever stands around it. */
function base64Inside(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const start = Math.ceil((shift * 8) / 6);
    const whole = Math.floor(((shift + bytes.length) * 8) / 6);
    const middle = encoded.slice(start, whole);
    return middle.length < SHORTEST_PART ? [] : [middle, middle.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** From now on `masked` finds this value in every text, as it is, in parts, and as other programs write it. */
export function keepFromOutput(value: string): void {
  if (value.includes(MASK)) return;
  look(value);
  look(value.trim());
  if (value.trim().length < SHORTEST_MASKED) return;
  const lines = value.split(/\r?\n/);
  if (lines.length > 1) lines.filter((line) => line.length >= SHORTEST_PART).forEach(look);
  look(JSON.stringify(value).slice(1, -1));
  look(value.replaceAll("'", `'\\''`));
  look(value.replaceAll(/[&<>"']/g, (sign) => XML[sign] ?? sign));
  look(encodeURIComponent(value));
  look(encodeURIComponent(value).replaceAll('%20', '+'));
  look(Buffer.from(value).toString('hex'));
  base64Inside(value).forEach(look);
}

/** Whether there is nothing to mask at all in this process: most runs have no secrets, and pay nothing. */
export const nothingIsSecret = (): boolean => needles.size === 0 && !tokensAreMade;
let tokensAreMade = false;

/** From now on texts may hold tokens of secrets. */
export const expectTokens = (): void => void (tokensAreMade = true);

// Where a secret stands inside a text (Secret.toString): the mask, and characters that nothing shows.
const TOKENS = /•••[\u{E0020}-\u{E007E}]+\u{E007F}/gu;

/** The text with the mask in the place of every secret that this process knows. */
export function masked(text: string): string {
  if (nothingIsSecret()) return text;
  const shown = text.includes(MASK) ? text.replaceAll(TOKENS, MASK) : text;
  if (needles.size === 0 || shown.length < SHORTEST_MASKED) return shown;
  let result = '';
  let copied = 0;
  for (let index = 0; index <= shown.length - SHORTEST_MASKED; index++) {
    const found = needles
      .get(shown.slice(index, index + SHORTEST_MASKED))
      ?.find((form) => shown.startsWith(form, index));
    if (found === undefined) continue;
    result += shown.slice(copied, index) + MASK;
    copied = index + found.length;
    index = copied - 1;
  }
  return copied === 0 ? shown : result + shown.slice(copied);
}

/** Keys whose values are words of ours: a secret of the same letters must not make them unreadable. */
const WORDS_OF_OURS = new Set(['type', 'status', 'action', 'layer', 'code', 'phase', 'kind', 'runId']);

/** The same data with every text in it masked. Anything but plain data is handed on as it is. */
export function maskedData<T>(value: T): T {
  if (nothingIsSecret()) return value;
  if (typeof value === 'string') return masked(value) as T;
  if (Array.isArray(value)) return value.map((inner: unknown) => maskedData(inner)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [
      key,
      WORDS_OF_OURS.has(key) && typeof inner === 'string' ? inner : maskedData(inner),
    ]),
  ) as T;
}
