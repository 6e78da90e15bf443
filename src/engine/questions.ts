import { ProvisionError } from '../model/error.ts';
import type { Probe, ProbeOutput, Question } from '../model/resource.ts';
import { quote, sh } from '../shell/quote.ts';
import { textOf } from './frame.ts';
import type { Printed } from './frame.ts';

type Kind = 'file' | 'entry' | 'value' | 'lines' | 'package' | 'unit';
type Asked = Readonly<Record<Kind, readonly string[]>>;

/** What is read together of a host: files of either sort by two processes, the others by one each, however many there are. */
interface Reading {
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

const READINGS: readonly Reading[] = [
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

/** The part of a probe that prints the addresses of all NICs, `ip -4 -o addr`: facts are made of it too. */
export const ADDRESSES = 'addresses';

/** `2: eth0    inet 10.0.0.2/24 …`: the lines of one NIC. */
const ofNic = (printed: string, nic: string): string =>
  printed
    .split('\n')
    .filter((line) => line.split(/\s+/, 2)[1] === nic)
    .map((line) => `${line}\n`)
    .join('');

const questionsOf = (probe: Probe): readonly Question[] => (typeof probe === 'string' ? [probe] : probe);

/** All that the probes of a host ask, each thing once. Addresses are read of every host, and not asked for. */
export interface Questions {
  /** Texts that run by themselves, then those that run in place. */
  readonly texts: readonly string[];
  readonly inline: ReadonlySet<string>;
  readonly asked: Asked;
}

/** What these probes ask together. */
export function questionsIn(probes: readonly Probe[]): Questions {
  const texts = new Set<string>();
  const inline = new Set<string>();
  const asked: Record<Kind, Set<string>> = {
    file: new Set(),
    entry: new Set(),
    value: new Set(),
    lines: new Set(),
    package: new Set(),
    unit: new Set(),
  };
  for (const question of probes.flatMap(questionsOf)) {
    if (typeof question === 'string') texts.add(question);
    else if ('inline' in question) inline.add(question.inline);
    else for (const [kind, word] of Object.entries(question)) asked[kind as Kind]?.add(word);
  }
  const { file, entry, value, lines, package: packages, unit } = asked;
  return {
    texts: [...texts, ...inline],
    inline,
    asked: {
      file: [...file],
      entry: [...entry],
      value: [...value],
      lines: [...lines],
      package: [...packages],
      unit: [...unit],
    },
  };
}

const wanted = ({ asked }: Questions): Reading[] =>
  READINGS.filter(({ kinds }) => kinds.some((kind) => asked[kind].length > 0));

/** Functions of shell that read it all; `questionCalls` calls them. */
export const questionFunctions = (questions: Questions): string[] => [
  ...questions.texts.map((shell, index) => `probe_${index}() {\n${shell}\n}`),
  ...wanted(questions).map(({ name, script }) => `${name}() {\n${script(questions.asked)}\n}`),
];

export const questionCalls = (questions: Questions): string[] => [
  ...questions.texts.map((text, index) =>
    questions.inline.has(text) ? `part_here probe_${index}` : `part probe_${index} probe_${index}`,
  ),
  ...wanted(questions).map(({ name }) => `part_here ${name}`),
];

/** → what a probe of these has to hear. Throws `probe-failed` when a file changed in the middle. */
export function answering(
  questions: Questions,
  read: (part: string) => Printed,
): (probe: Probe) => ProbeOutput {
  const { texts, asked } = questions;
  const answers = new Map<string, string>();
  for (const { name, kinds, answers: split } of wanted(questions)) {
    const all = split(read(name).bytes, asked);
    const named = kinds.flatMap((kind) => asked[kind].map((word) => `${kind} ${word}`));
    named.forEach((key, index) => answers.set(key, all[index] ?? ''));
  }
  const said = (part: string): ProbeOutput => {
    const { bytes, code } = read(part);
    return { stdout: textOf(bytes), code };
  };
  const answer = (question: Question): ProbeOutput => {
    if (typeof question === 'string') return said(`probe_${texts.indexOf(question)}`);
    if ('inline' in question) return said(`probe_${texts.indexOf(question.inline)}`);
    if ('say' in question) return { stdout: question.say, code: 0 };
    if ('addresses' in question) {
      const { stdout } = said(ADDRESSES);
      return { stdout: ofNic(stdout, question.addresses), code: 0 };
    }
    const [[kind, word]] = Object.entries(question) as [[string, string]];
    return { stdout: answers.get(`${kind} ${word}`) ?? '', code: 0 };
  };
  return (probe) => {
    const heard = questionsOf(probe).map(answer);
    return { stdout: heard.map(({ stdout }) => stdout).join(''), code: heard.at(-1)?.code ?? 0 };
  };
}
