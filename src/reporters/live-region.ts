import { performance } from 'node:perf_hooks';
import { widthOf } from './text-width.ts';

/** What is used of process.stderr and process.stdout. */
export interface Terminal {
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly isTTY?: boolean | undefined;
  write(chunk: string | Uint8Array, ...rest: unknown[]): boolean;
}

export interface LiveRegion {
  start(): void;
  /** Something changed: it is drawn with the next frame. */
  change(): void;
  /** Text that stays, above what is drawn; whole lines. */
  above(text: string): void;
  /** Takes the drawing away, leaves `text` in its place, shows the cursor and gives the terminal back. */
  stop(text?: string): void;
}

export interface LiveRegionOptions {
  readonly terminal: Terminal;
  /** Streams that show on the same screen: what anyone writes to them meanwhile goes above, too. */
  readonly neighbours: readonly Terminal[];
  readonly draw: (window: { readonly columns: number; readonly rows: number }) => readonly string[];
}

/** Ten frames a second at most. */
const FRAME_MS = 100;
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const ERASE_BELOW = '\x1b[J';
const ERASE_TO_END_OF_LINE = '\x1b[K';

/** Lets nobody write into the drawing. Answers the real write and the way back. */
function intercept(
  stream: Terminal,
  say: (text: string) => void,
): { readonly write: (text: string) => void; readonly release: () => void } {
  const real = stream.write.bind(stream);
  const own = Object.getOwnPropertyDescriptor(stream, 'write');
  stream.write = (chunk, ...rest) => {
    say(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    const callback = rest.find((argument) => typeof argument === 'function') as (() => void) | undefined;
    if (callback) process.nextTick(callback);
    return true;
  };
  return {
    write: (text) => void real(text),
    release: () => {
      if (own) Object.defineProperty(stream, 'write', own);
      else delete (stream as Partial<Terminal>).write;
    },
  };
}

/** The bottom lines of a terminal, redrawn in one write per frame, and only when they differ. */
export function liveRegion({ terminal, neighbours, draw }: LiveRegionOptions): LiveRegion {
  const streams = [terminal, ...neighbours].map((stream) => ({
    stream,
    taken: null as ReturnType<typeof intercept> | null,
  }));
  let timer: NodeJS.Timeout | null = null;
  let drawn: readonly string[] = [];
  let waiting = '';
  let dirty = false;
  let second = 0;
  let suspended = false;
  // The last column stays free: a full line would leave the cursor in two places at once.
  const columns = (): number => Math.max(20, (terminal.columns || 80) - 1);
  const rows = (): number => Math.max(4, (terminal.rows || 24) - 1);
  const write = (text: string): void => streams[0]?.taken?.write(text);

  /** To the top of what is drawn, which a terminal made narrower has wrapped anew. */
  const home = (): string => {
    const now = terminal.columns || 80;
    const up = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / now)), 0);
    return up > 0 ? `\r\x1b[${up}A` : '\r';
  };

  /**
   * Text over what is drawn. Line by line: some terminals keep a screen that is erased from its top in their
   * scrollback. A line that ends in the last column must not be erased from there on.
   */
  const over = (text: string): string =>
    text.replaceAll(/^(.*)\n/gm, (_all, line: string) => {
      const full = widthOf(line) > 0 && widthOf(line) % (terminal.columns || 80) === 0;
      return `${ERASE_TO_END_OF_LINE}${line}${full ? '' : ERASE_TO_END_OF_LINE}\n`;
    });

  const frame = (): void => {
    const lines = draw({ columns: columns(), rows: rows() });
    const end = waiting.lastIndexOf('\n') + 1;
    const same = lines.length === drawn.length && lines.every((line, index) => line === drawn[index]);
    dirty = false;
    if (same && end === 0) return;
    const text = lines.map((line) => `${line}${ERASE_TO_END_OF_LINE}\n`).join('');
    write(`${home()}${over(waiting.slice(0, end))}${text}${ERASE_BELOW}`);
    waiting = waiting.slice(end);
    drawn = lines;
  };

  const tick = (): void => {
    const now = Math.floor(performance.now() / 1000);
    if (suspended) return;
    if (!dirty && waiting === '' && now === second) return;
    second = now;
    frame();
  };

  // Ctrl-Z: the shell gets its cursor back; after `fg` the drawing begins anew below what the shell wrote.
  const suspend = (): void => {
    write(`${home()}${ERASE_BELOW}${SHOW_CURSOR}`);
    drawn = [];
    suspended = true;
    process.kill(process.pid, 'SIGSTOP');
  };
  const resume = (): void => {
    suspended = false;
    drawn = [];
    write(HIDE_CURSOR);
    frame();
  };

  const stop = (text = ''): void => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    process.off('exit', stopAtExit).off('SIGTSTP', suspend).off('SIGCONT', resume);
    const last = waiting === '' || waiting.endsWith('\n') ? waiting : `${waiting}\n`;
    write(`${home()}${over(last + text)}${ERASE_BELOW}${SHOW_CURSOR}`);
    streams.forEach((one) => one.taken?.release());
    drawn = [];
    waiting = '';
  };

  const stopAtExit = (): void => stop();

  const above = (text: string): void => void (waiting += text);
  return {
    start() {
      if (timer !== null) return;
      streams.forEach((one) => (one.taken = intercept(one.stream, above)));
      // Whatever ends the process, the cursor is seen again.
      process.on('exit', stopAtExit).on('SIGTSTP', suspend).on('SIGCONT', resume);
      timer = setInterval(tick, FRAME_MS).unref();
      write(HIDE_CURSOR);
      frame();
    },
    change: () => void (dirty = true),
    above,
    stop,
  };
}
