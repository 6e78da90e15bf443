/** What a text that Python's ast.literal_eval takes stands for; undefined = it is no literal, but plain text. */
export function pythonLiteral(text: string): { readonly value: unknown } | undefined {
  try {
    const reader = new LiteralReader(text);
    const value = reader.valueOrTuple();
    reader.blanks();
    return reader.isAtEnd() ? { value } : undefined;
  } catch (error) {
    if (error instanceof NoLiteral) return undefined;
    throw error;
  }
}

class NoLiteral extends Error {}

const NUMBER =
  /[-+]?\s*(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.\d(?:_?\d)*(?:[eE][-+]?\d(?:_?\d)*)?|\d(?:_?\d)*\.?(?:[eE][-+]?\d(?:_?\d)*)?)(?![\w.])/y;
const WORD = /[A-Za-z_]\w*/y;
const STRING_START = /(?:[rRuU]|[bB][rR]?|[rR][bB])?('''|"""|'|")/y;
const ESCAPE = /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\n)|([\s\S]))/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['True', true],
  ['False', false],
  ['None', null],
]);
/** Deeper than this nobody writes on a line. */
const DEEPEST = 100;

class LiteralReader {
  readonly text: string;
  position = 0;
  depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  isAtEnd = (): boolean => this.position >= this.text.length;

  /** White space, and Python's comments. */
  blanks(): void {
    this.match(/(?:\s|#[^\n]*)*/y);
  }

  /** Values with commas between them need no brackets. */
  valueOrTuple(): unknown {
    const items = [this.value()];
    let commas = 0;
    for (this.blanks(); this.take(','); this.blanks()) {
      commas++;
      this.blanks();
      if (this.isAtEnd()) break;
      items.push(this.value());
    }
    return commas === 0 ? items[0] : items;
  }

  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.text);
    if (found) this.position += found[0].length;
    return found;
  }

  value(): unknown {
    this.blanks();
    if (++this.depth > DEEPEST) throw new NoLiteral();
    const value = this.string() ?? this.container() ?? this.number() ?? this.word();
    this.depth--;
    return value.of;
  }

  number(): { of: unknown } | undefined {
    const found = this.match(NUMBER);
    if (!found) return undefined;
    const digits = found[0].replaceAll(/[\s_]/g, '');
    const whole = /^[-+]?\d+$/.test(digits);
    // "0123" is no number of Python 3, "000" is; a number that JavaScript would round stays text, digit by digit.
    if (/^[-+]?0\d*[1-9]/.test(digits) && whole) throw new NoLiteral();
    const value = Number(digits.replace(/^[-+]/, '')) * (digits.startsWith('-') ? -1 : 1);
    return { of: whole && !Number.isSafeInteger(value) ? digits : value + 0 };
  }

  word(): { of: unknown } {
    const found = this.match(WORD)?.[0];
    if (found === undefined || !WORDS.has(found)) throw new NoLiteral();
    return { of: WORDS.get(found) };
  }

  /** Strings side by side are one. */
  string(): { of: string } | undefined {
    let whole: string | undefined;
    for (;;) {
      const start = this.match(STRING_START);
      if (!start) break;
      const quote = start[1] ?? '';
      const prefix = start[0].slice(0, -quote.length).toLowerCase();
      whole = (whole ?? '') + this.untilQuote(quote, prefix.includes('r'));
      this.blanks();
    }
    return whole === undefined ? undefined : { of: whole };
  }

  untilQuote(quote: string, raw: boolean): string {
    const start = this.position;
    for (let index = start; index < this.text.length; index++) {
      const sign = this.text.charAt(index);
      if (this.text.startsWith(quote, index)) {
        this.position = index + quote.length;
        const inner = this.text.slice(start, index);
        return raw ? inner : unescape(inner);
      }
      if (sign === '\n' && quote.length === 1) break;
      if (sign === '\\') index++;
    }
    throw new NoLiteral();
  }

  container(): { of: unknown } | undefined {
    const open = this.match(/[[({]/y)?.[0];
    if (open === undefined) return undefined;
    if (open === '{') return { of: this.mapping() };
    const close = open === '[' ? ']' : ')';
    const { items, commas } = this.items(close);
    // Brackets around one value without a comma are that value.
    return { of: open === '(' && commas === 0 && items.length === 1 ? items[0] : items };
  }

  items(close: string): { items: unknown[]; commas: number } {
    const items: unknown[] = [];
    let commas = 0;
    for (;;) {
      this.blanks();
      if (this.take(close)) return { items, commas };
      if (items.length > commas) throw new NoLiteral();
      items.push(this.value());
      this.blanks();
      if (this.take(',')) commas++;
    }
  }

  /** Keys are texts in JSON: True becomes "true", None "null", as json.dumps of Python writes them. */
  mapping(): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    for (;;) {
      this.blanks();
      if (this.take('}')) return Object.fromEntries(entries);
      const key = this.value();
      this.blanks();
      // Without a colon it would be a set, which JSON does not have.
      if (!this.take(':') || (typeof key === 'object' && key !== null)) throw new NoLiteral();
      entries.push([String(key), this.value()]);
      this.blanks();
      if (!this.take(',') && this.text.charAt(this.position) !== '}') throw new NoLiteral();
    }
  }

  take(sign: string): boolean {
    if (this.text.charAt(this.position) !== sign) return false;
    this.position++;
    return true;
  }
}

const unescape = (text: string): string =>
  text.replaceAll(
    ESCAPE,
    (
      whole,
      octal?: string,
      hex?: string,
      short?: string,
      long?: string,
      line?: string,
      sign?: string,
    ): string => {
      const code = octal === undefined ? (hex ?? short ?? long) : undefined;
      if (octal !== undefined) return String.fromCodePoint(parseInt(octal, 8));
      if (code !== undefined) {
        const point = parseInt(code, 16);
        if (point > 0x10ffff) throw new NoLiteral();
        return String.fromCodePoint(point);
      }
      return line === undefined ? (ESCAPES[sign ?? ''] ?? whole) : '';
    },
  );
