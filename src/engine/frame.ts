import { randomBytes } from 'node:crypto';
import { ProvisionError } from '../model/error.ts';

/**
 * What a host prints is framed: every line of ours starts with `@@` and a random word of this run, so that no banner,
 * message of the day or hostile text can pass for it. Payloads are base64 with their length.
 */
export const newNonce = (): string => randomBytes(8).toString('hex');

/**
 * Shell functions that print frames. `section NAME FUNCTION` runs a function and frames its output and exit code. Many are
 * cheaper as `part NAME FUNCTION` of one frame: each process that is started costs a host about a millisecond. `part_here
 * FUNCTION` saves the subshell as well, for functions that leave the shell as it is.
 */
export const frameFunctions = (nonce: string): string => `
mark() { printf '@@${nonce} %s\\n' "$*"; }
encode() { base64 | tr -d '\\n'; }
frame() { mark "$1 \${#2} $2"; }
section() { frame "$1" "$( { ( "$2" ) 2>/dev/null; printf 'x%s' "$?"; } | encode)"; }
part() { ( "$2" ) 2>/dev/null; printf 'x%s\\n@@${nonce} %s\\n' "$?" "$1"; }
part_here() { "$1" 2>/dev/null; printf 'x%s\\n@@${nonce} %s\\n' "$?" "$1"; }`;

/** Words of each framed line, in order. */
export function framedLines(stdout: string, nonce: string): string[][] {
  const start = `@@${nonce} `;
  return stdout
    .split('\n')
    .filter((line) => line.startsWith(start))
    .map((line) => line.slice(start.length).split(' '));
}

/**
 * Length and payload of a frame whose base64 stands on many lines, as base64(1) breaks it: to join them is one more process
 * on the host.
 */
export function longFrame(stdout: string, nonce: string, name: string): [string?, string?] {
  const [, start = '', length = ''] = new RegExp(`^(@@${nonce} ${name} (\\d+) )`, 'm').exec(stdout) ?? [];
  if (start === '') return [];
  const at = stdout.indexOf(start) + start.length;
  return [length, stdout.slice(at, at + Number(length))];
}

/** The bytes of a frame; throws `probe-failed` when fewer arrived than were sent. */
export function decodeBytes(length: string | undefined, payload: string | undefined): Buffer {
  if (length === undefined || payload === undefined || Number(length) !== payload.length) {
    throw new ProvisionError('probe-failed', 'A part of what the host sent did not arrive whole.', {
      hint: 'Run again; if it stays, look for what cuts the connection.',
    });
  }
  return Buffer.from(payload, 'base64');
}

/** The text of a frame; throws as `decodeBytes` does. */
export const decode = (length: string | undefined, payload: string | undefined): string =>
  decodeBytes(length, payload).toString('utf8');

interface TextAndCode {
  readonly stdout: string;
  readonly code: number;
}

/** `textx0` → text and exit code. */
export function textAndCode(decoded: string): TextAndCode {
  const at = decoded.lastIndexOf('x');
  return { stdout: decoded.slice(0, at), code: Number(decoded.slice(at + 1)) };
}

/** What a part of a frame printed, as bytes (latin1), and its exit code. */
export interface Printed {
  readonly bytes: string;
  readonly code: number;
}

export const textOf = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

/** The parts of a frame by their name. */
export function partsOf(frame: Buffer, nonce: string): Map<string, Printed> {
  const pieces = frame.toString('latin1').split(new RegExp(`x(\\d{1,3})\\n@@${nonce} (\\w+)\\n`));
  const parts = new Map<string, Printed>();
  for (let at = 0; at + 2 < pieces.length; at += 3)
    parts.set(pieces[at + 2] ?? '', { bytes: pieces[at] ?? '', code: Number(pieces[at + 1]) });
  return parts;
}
