import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FakeAnswer, FakeHostOptions } from './fake-host.ts';

/** What the commands of one run printed, by host, in their order; the word that frames it replaced by NONCE. */
export type RecordedRun = Readonly<Record<string, readonly FakeAnswer[]>>;

const NONCE = /@@([0-9a-f]{16}) /;

/** The same frames with another word, in the parts of a frame too (src/engine/frame.ts). */
function reframed(text: string, from: string, to: string): string {
  const within = (payload: string): string => {
    const parts = Buffer.from(payload, 'base64').toString('latin1').replaceAll(`@@${from} `, `@@${to} `);
    return Buffer.from(parts, 'latin1').toString('base64');
  };
  return text
    .replaceAll(/ parts \d+ ([\w+/=\n]+)$(?=\n@@)/gm, (_frame, payload: string) => {
      const changed = within(payload);
      return ` parts ${changed.length} ${changed}`;
    })
    .replaceAll(`@@${from} `, `@@${to} `);
}

const nonceOf = (stdin: string): string => NONCE.exec(stdin)?.[1] ?? 'none';

/** Everything our scripts print is framed by a random word of theirs: the answer must have that of its question. */
const framedFor = (stdin: string, text = ''): string => reframed(text, 'NONCE', nonceOf(stdin));

/** A host that answers as a real one did. A command more than was recorded ends 127. */
export function replaying(answers: readonly FakeAnswer[]): Pick<FakeHostOptions, 'answer'> {
  let next = 0;
  return {
    answer: (_command, stdin) => {
      const answer = answers[next++] ?? { code: 127, stderr: 'nothing was recorded for this command\n' };
      return { ...answer, stdout: framedFor(stdin, answer.stdout) };
    },
  };
}

/** A host that hands every command on to a real one, and keeps what it printed in `directory`. */
export function recording(host: string, sshConfig: string, directory: string): FakeHostOptions {
  const script = join(directory, `record-${host}.sh`);
  mkdirSync(join(directory, host), { recursive: true });
  writeFileSync(
    script,
    `#!/bin/bash
at=$(printf '%s/%03d' '${join(directory, host)}' "$(ls '${join(directory, host)}' | grep -c in)")
tee "$at.in" | ssh -T -F '${sshConfig}' '${host}' "$1" | tee "$at.out"
code=\${PIPESTATUS[1]}; echo "$code" > "$at.code"; exit "$code"
`,
  );
  chmodSync(script, 0o755);
  return { loginShell: [script] };
}

/** What `recording` has kept. */
export function recordedIn(directory: string, hosts: readonly string[]): RecordedRun {
  const read = (host: string, name: string): string => readFileSync(join(directory, host, name), 'utf8');
  const answersOf = (host: string): FakeAnswer[] =>
    readdirSync(join(directory, host))
      .filter((name) => name.endsWith('.in'))
      .sort()
      .map((name) => {
        return {
          code: Number(read(host, name.replace('.in', '.code'))),
          stdout: reframed(read(host, name.replace('.in', '.out')), nonceOf(read(host, name)), 'NONCE'),
        };
      });
  return Object.fromEntries(hosts.map((host) => [host, answersOf(host)]));
}

/** The recording in a file. */
export const readRun = (file: string): RecordedRun => JSON.parse(readFileSync(file, 'utf8')) as RecordedRun;

/** Writes a recording. */
export function writeRun(file: string, run: RecordedRun): void {
  if (!existsSync(dirname(file))) mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
}
