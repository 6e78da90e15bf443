import type { Probe, ProbeOutput, Question } from '../model/resource.ts';
import { textOf } from './frame.ts';
import type { Printed } from './frame.ts';
import { KINDS, READINGS } from './readings.ts';
import type { Asked, Kind, Reading } from './readings.ts';

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
  const all = new Map<string, Set<string>>();
  for (const question of probes.flatMap(questionsOf)) {
    const [[kind, word]] = Object.entries(typeof question === 'string' ? { alone: question } : question) as [
      [string, string],
    ];
    all.set(kind, (all.get(kind) ?? new Set()).add(word));
  }
  const of = (kind: string): string[] => [...(all.get(kind) ?? [])];
  return {
    texts: [...new Set([...of('alone'), ...of('inline')])],
    inline: new Set(of('inline')),
    asked: Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<Kind, string[]>,
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
