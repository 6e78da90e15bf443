import { ProvisionError } from '../model/error.ts';
import { quote, sh } from '../shell/quote.ts';
import { textOf } from './frame.ts';

/** What is asked by name, and read together. */
export const KINDS = ['file', 'entry', 'value', 'lines', 'package', 'unit'] as const;
export type Kind = (typeof KINDS)[number];
export type Asked = Readonly<Record<Kind, readonly string[]>>;

/** What is read together of a host: files of either sort by two processes, the others by one each, however many there are. */
export interface Reading {
  readonly name: string;
  readonly kinds: readonly Kind[];
  /** Body of a shell function. It runs in the main shell: it must not exit, nor change directory. */
  readonly script: (asked: Asked) => string;
  /** What that printed, as bytes (latin1) → the answers in the order of `kinds`, then of what was asked. */
  readonly answers: (printed: string, asked: Asked) => readonly string[];
}

/**
 * A line for each path; then size, mode, owner and group of each that is a file; then the bytes of all of them. The first word
 * says how many paths come whose links are followed; the others are looked at themselves. Files of proc(5) say that they are
 * empty, and count as that.
 */
const FILES = `followed=$1; shift
for f; do
  shift
  followed=$((followed - 1))
  if [ "$followed" -lt 0 ] && [ -L "$f" ]; then printf 'link %s\\n' "$(readlink -n -- "$f" | encode)"
  elif [ "$followed" -lt 0 ] && [ -d "$f" ]; then echo directory
  elif [ ! -f "$f" ]; then echo absent
  else if [ -r "$f" ]; then echo file; else echo closed; fi; set -- "$@" "$f"; fi
done
echo --
[ "$#" -eq 0 ] || stat -L -c '%s 0%a %U %G' -- "$@"
echo --
for f; do shift; if [ -r "$f" ] && [ -s "$f" ]; then set -- "$@" "$f"; fi; done
[ "$#" -eq 0 ] || cat -- "$@"`;

const changedMeanwhile = (): ProvisionError =>
  new ProvisionError('probe-failed', 'A file changed on the host while it was read.', {
    hint: 'Run again; if it stays, look for what keeps writing there (-vvv shows what is read).',
  });

function fileAnswers(printed: string, { file, entry }: Asked): string[] {
  let at = 0;
  const upTo = (end: number): string => printed.slice(at, (at = end));
  const line = (): string => {
    const end = printed.indexOf('\n', at);
    if (end < 0) throw changedMeanwhile();
    return upTo(end + 1).slice(0, -1);
  };
  const end = (): void => {
    if (line() !== '--') throw changedMeanwhile();
  };
  const isFile = (word: string): boolean => word === 'file' || word === 'closed';
  const words = [...file, ...entry].map(line);
  end();
  const stats = words.filter(isFile).map(line);
  end();
  const answers = words.map((word, index) => {
    if (word.startsWith('link '))
      return `link ${Buffer.from(word.slice('link '.length), 'base64').toString('utf8')}\n`;
    if (!isFile(word)) return `${word}\n`;
    const [size = '', ...rights] = (stats.shift() ?? '').split(' ');
    const content = textOf(upTo(at + (word === 'closed' ? 0 : Number(size))));
    return index < file.length ? `present\n${content}` : `${rights.join(' ')}\n${content}`;
  });
  // One byte more or less is in the wrong file by then.
  if (at !== printed.length) throw changedMeanwhile();
  return answers;
}

/** A value's line; `unknown` where its directory is there and it is not; `absent` where a module or interface is missing. */
const VALUES = `for f; do
  if [ ! -e "$f" ]; then if [ -d "\${f%/*}" ]; then echo "unknown $f"; else echo "absent $f"; fi; fi
done`;

/** `DIRECTORY/*SUFFIX` → its two ends. */
const endsOf = (pattern: string): [string, string] => {
  const at = pattern.indexOf('*');
  return [pattern.slice(0, at), pattern.slice(at + 1)];
};
const unquotedStar = (pattern: string): string => endsOf(pattern).map(quote).join('*');

function valueAnswers(printed: string, { value, lines: patterns }: Asked): string[] {
  const lines = textOf(printed).split('\n');
  const values = value.map((path) => {
    const found = lines.find((line) => line.startsWith(`${path}:`));
    if (found !== undefined) return `${found.slice(path.length + 1)}\n`;
    return lines.includes(`unknown ${path}`) ? 'unknown\n' : 'absent\n';
  });
  const matching = patterns.map((pattern) => {
    const [start, end] = endsOf(pattern);
    const isOf = (line: string): boolean => line.startsWith(start) && line.includes(`${end}:`, start.length);
    return lines
      .filter(isOf)
      .map((line) => `${line}\n`)
      .join('');
  });
  return [...values, ...matching];
}

/** Debian Policy 11.3: dpkg's query; RPM families answer by rpm(8), which fails when one of them is missing. */
const PACKAGES = `if command -v dpkg-query >/dev/null; then dpkg-query -W -f '\${Package}:\${Architecture} \${db:Status-Status}\\n' -- "$@"
elif rpm -q --quiet -- "$@"; then for p; do echo "$p: installed"; done
else for p; do rpm -q --quiet -- "$p" && echo "$p: installed"; done; fi`;

function packageAnswers(printed: string, asked: Asked): string[] {
  const lines = textOf(printed).split('\n');
  const installed = (name: string): boolean =>
    lines.some((line) => line.startsWith(name) && /^(:[^: ]*)? installed$/.test(line.slice(name.length)));
  return asked.package.map((name) => (installed(name) ? 'installed\n' : 'absent\n'));
}

/**
 * systemctl(1): `show` answers for each unit in turn, unknown ones too, with an empty line between two. A pattern it would answer
 * with as many as match: it stands for no unit, and is not asked for.
 */
const isPattern = (unit: string): boolean => /[*?[]/.test(unit);
const UNITS = 'systemctl show -p ActiveState,UnitFileState,LoadState -- "$@"';

function unitAnswers(printed: string, { unit }: Asked): string[] {
  const parts = textOf(printed).split('\n\n');
  return unit.map((name) => {
    const part = isPattern(name) ? '' : (parts.shift() ?? '').trim();
    return part === '' ? '' : `${part}\n`;
  });
}

/** In the order in which they are read. */
export const READINGS: readonly Reading[] = [
  {
    name: 'files',
    kinds: ['file', 'entry'],
    script: ({ file, entry }) => `${sh`set -- ${[file.length, ...file, ...entry]}`}\n${FILES}`,
    answers: fileAnswers,
  },
  {
    name: 'values',
    kinds: ['value', 'lines'],
    script: ({ value, lines }) =>
      [sh`set -- ${value}`, VALUES, ['grep -aH', "'' --", '"$@"', ...lines.map(unquotedStar)].join(' ')].join(
        '\n',
      ),
    answers: valueAnswers,
  },
  {
    name: 'packages',
    kinds: ['package'],
    script: (asked) => `${sh`set -- ${asked.package}`}\n${PACKAGES}`,
    answers: packageAnswers,
  },
  {
    name: 'units',
    kinds: ['unit'],
    script: ({ unit }) => `${sh`set -- ${unit.filter((name) => !isPattern(name))}`}\n${UNITS}`,
    answers: unitAnswers,
  },
];
