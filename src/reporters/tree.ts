import { performance } from 'node:perf_hooks';
import { Listr, ListrEventType } from 'listr2';
import type { ListrEventManager, ListrRenderer } from 'listr2';
import type { ProvisionError } from '../model/error.ts';
import type { Emit, RunEvent } from '../model/event.ts';
import type { HostReport } from '../model/report.ts';
import type { Colours } from './colour.ts';
import { progressLines } from './lines.ts';
import { liveRegion } from './live-region.ts';
import type { LiveRegion, Terminal } from './live-region.ts';
import { printable } from './printable.ts';
import { problemSection } from './problem.ts';
import { advance, newProgress } from './run-progress.ts';
import { lastRow, treeRows } from './tree-rows.ts';

export interface TreeOptions {
  readonly verbosity: number;
  /** Where the tree is drawn. */
  readonly terminal: Terminal;
  /** Other streams that show on the same screen. */
  readonly neighbours: readonly Terminal[];
  readonly colours: Colours;
  /** Takes every event and prints results; what it prints is held back until the tree has ended. */
  readonly results: (out: (line: string) => void) => Emit;
  readonly out: (text: string) => void;
}

/** Draws at its own pace. The renderers that listr2 brings redraw all rows for every event, which is quadratic. */
class HostTreeRenderer implements ListrRenderer {
  static nonTTY = true;
  static rendererOptions: { region: LiveRegion };
  static rendererTaskOptions: never;
  private readonly region: LiveRegion;
  private readonly events: ListrEventManager | undefined;

  constructor(_tasks: unknown, options: { region: LiveRegion }, events?: ListrEventManager) {
    this.region = options.region;
    this.events = events;
  }

  render(): void {
    this.region.start();
    this.events?.on(ListrEventType.SHOULD_REFRESH_RENDER, () => this.region.change());
  }

  end(): void {
    this.region.stop();
  }
}

/** One task per host that waits to be told how the host ended; listr2 itself starts no work. */
function hostTasks(names: readonly string[], region: LiveRegion) {
  const ends = new Map<string, (report: HostReport) => void>();
  const tasks = names.map((title) => {
    const ended = new Promise<HostReport>((resolve) => ends.set(title, resolve));
    return {
      title,
      task: async () => {
        const { error } = await ended;
        if (error) throw new Error(error.message);
      },
    };
  });
  const list = new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
    renderer: HostTreeRenderer,
    rendererOptions: { region },
  });
  return {
    list,
    settle: (reports: readonly HostReport[]) => reports.forEach((report) => ends.get(report.name)?.(report)),
  };
}

/** A tree of hosts on the terminal while the run goes on; its results when it has ended. */
export function treeReporter(options: TreeOptions): Emit {
  const { colours, verbosity, terminal } = options;
  const now = (): number => performance.now();
  const width = (): number => (terminal.columns || 80) - 1;
  const progress = newProgress(now());
  const held: string[] = [];
  const problems: ProvisionError[] = [];
  const results = options.results((line) => held.push(line));
  const region = liveRegion({
    terminal,
    neighbours: options.neighbours,
    draw: (window) => treeRows(progress, window, now(), colours),
  });
  const log = progressLines({ verbosity, quiet: false, colours, err: (line) => region.above(`${line}\n`) });
  let tree: ReturnType<typeof hostTasks> | null = null;

  /** At the end of the run, or of the process if that comes first: nothing that was learnt is lost. */
  const end = (reports: readonly HostReport[], rows: readonly string[] = []): void => {
    if (!tree) return;
    process.off('exit', endEarly);
    region.stop([...rows, lastRow(progress, width(), now(), colours), ''].join('\n'));
    if (held.length > 0) options.out(`\n${held.join('\n')}\n`);
    const errors = problemSection(problems, verbosity >= 1, width(), colours);
    if (errors.length > 0) terminal.write(`${errors.join('\n')}\n`);
    tree.settle(reports);
    tree = null;
  };
  const endEarly = (): void =>
    end([], treeRows(progress, { columns: width(), rows: terminal.rows || 24 }, now(), colours));

  const started = (event: Extract<RunEvent, { type: 'run-started' }>): void => {
    tree = hostTasks([...event.hosts, ...event.vantages], region);
    process.on('exit', endEarly);
    void tree.list.run();
  };

  return (event) => {
    advance(progress, event, now());
    results(event);
    if (event.type === 'run-started') started(event);
    if (event.type === 'warning')
      region.above(
        `${event.host ? `${event.host}  ` : ''}${colours.yellow('warning')}: ${printable(event.message)}\n`,
      );
    else if (event.type === 'host-failed') problems.push(event.error);
    else if (event.type === 'run-finished') end(event.hosts);
    else if (verbosity >= 1) log(event);
    tree?.list.events.emit(ListrEventType.SHOULD_REFRESH_RENDER);
  };
}
