import { StringDecoder } from 'node:string_decoder';
import { ProvisionError } from '../model/error.ts';
import type { ExecOptions, ExecResult, Session } from '../model/transport.ts';

/** More output than this is a mistake, and would fill the memory of a run over many hosts. */
export const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/** setTimeout fires at once for anything above this (2^31 - 1 ms). */
const LONGEST_TIMER_MS = 2_147_483_647;

/** One command under way, whatever carries it; settled once, by whatever comes first. */
export interface CommandRun {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
  /** The command is over; a null code = it did not end by itself. */
  finish(code: number | null, signal?: string | null): void;
  fail(error: Error): void;
}

export interface CommandLimits {
  /** Begins the messages. */
  readonly who: string;
  readonly options: ExecOptions;
  readonly counts: Session['counts'];
  /** Must end the command: called when its time is over, its output too much, or a listener threw. */
  readonly giveUp: () => void;
}

/** Runs a command under its limits: `start` connects whatever carries it to the run it is given. */
export function runCommand(limits: CommandLimits, start: (run: CommandRun) => void): Promise<ExecResult> {
  const { who, options, counts, giveUp } = limits;
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (outcome: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      outcome();
    };
    const abandon = (error: Error): void => {
      settle(() => reject(error));
      giveUp();
    };
    const timer = setTimeout(
      () => abandon(timeoutError(who, options.timeoutMs)),
      Math.min(options.timeoutMs, LONGEST_TIMER_MS),
    );
    let enough = false;
    const stdout = textStream((line) => {
      options.onLine?.(line);
      enough ||= options.until?.(line) ?? false;
    });
    const stderr = textStream();
    let bytes = 0;
    const take = (stream: TextStream, chunk: Buffer): void => {
      counts.bytesIn += chunk.length;
      bytes += chunk.length;
      if (settled) return;
      if (bytes > OUTPUT_LIMIT_BYTES) return abandon(outputError(who));
      try {
        stream.push(chunk);
      } catch (error) {
        return abandon(error instanceof Error ? error : new Error(String(error)));
      }
      if (enough) finish(0);
    };
    const finish = (code: number | null, signal?: string | null): void => {
      if (settled) return;
      if (code === null) return settle(() => reject(endedError(who, signal)));
      try {
        const result = { code, stdout: stdout.end(), stderr: stderr.end() };
        settle(() => resolve(result));
      } catch (error) {
        settle(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    };
    counts.execs += 1;
    counts.bytesOut += Buffer.byteLength(options.stdin ?? '');
    start({
      stdout: (chunk) => take(stdout, chunk),
      stderr: (chunk) => take(stderr, chunk),
      finish,
      fail: (error) => settle(() => reject(error)),
    });
  });
}

interface TextStream {
  push(chunk: Buffer): void;
  /** All of the text; a last line without its newline is reported here. */
  end(): string;
}

/** Chunks may be cut in the middle of a character: they are decoded as one stream (RFC 3629). */
function textStream(onLine?: (line: string) => void): TextStream {
  const decoder = new StringDecoder('utf8');
  const parts: string[] = [];
  let line = '';
  const add = (text: string): void => {
    parts.push(text);
    if (onLine === undefined) return;
    const lines = text.split('\n');
    lines[0] = line + (lines[0] ?? '');
    line = lines.pop() ?? '';
    lines.forEach((whole) => onLine(whole));
  };
  return {
    push: (chunk) => add(decoder.write(chunk)),
    end: () => {
      add(decoder.end());
      if (line !== '') onLine?.(line);
      return parts.join('');
    },
  };
}

const timeoutError = (who: string, timeoutMs: number): ProvisionError =>
  new ProvisionError(
    'command-timeout',
    `${who}: a command was given up after ${String(timeoutMs / 1000)} s`,
    {
      hint: 'It may still be running there: look with `ps`, then run again.',
    },
  );

const outputError = (who: string): ProvisionError =>
  new ProvisionError(
    'probe-failed',
    `${who}: a command printed more than ${String(OUTPUT_LIMIT_BYTES >> 20)} MiB`,
    {
      hint: 'Log in and look what it prints; a login shell that loops does this.',
    },
  );

const endedError = (who: string, signal?: string | null): ProvisionError =>
  new ProvisionError(
    'connection-lost',
    `${who}: a command ended without an exit code${signal ? ` (${signal})` : ''}`,
    {
      hint: 'Somebody killed it, or the host is short of memory (`journalctl -k`); run again to see the state.',
    },
  );
