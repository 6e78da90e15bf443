import { SIGNS, titleOf } from './change-sentences.ts';
import type { Colours } from './colour.ts';
import { oneLine } from './printable.ts';
import { BAD } from './run-progress.ts';
import type { HostProgress, RunProgress, Standing } from './run-progress.ts';
import { cut, fit, widthOf } from './text-width.ts';

export interface Window {
  readonly columns: number;
  readonly rows: number;
}

/** The order of the counter line; what needs eyes comes last, next to the cursor. */
const COUNTED: readonly Standing[] = [
  'in sync',
  'to change',
  'changed',
  'running',
  'waiting',
  'skipped',
  'failed',
  'reverted',
  'pending',
  'unknown',
  'unreachable',
];
const LONGEST_NAME = 24;
const PHASE_WIDTH = 'apply 10/10'.length;
/** The title above and the counter below. */
const FRAME_ROWS = 2;

/** 0:04, 12:30, 1:02:03. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** "412 in sync, 37 running, 51 waiting". Hosts that are only asked for checks are not counted. */
export function counterLine(hosts: Iterable<HostProgress>, colours: Colours): string {
  const counts = new Map<Standing, number>();
  for (const { vantage, standing } of hosts)
    if (!vantage) counts.set(standing, (counts.get(standing) ?? 0) + 1);
  const parts = COUNTED.flatMap((standing) => {
    const count = counts.get(standing);
    if (count === undefined) return [];
    return BAD.has(standing) ? colours.red(`${count} ${standing}`) : `${count} ${standing}`;
  });
  return parts.join(', ');
}

function markOf({ standing, phase }: HostProgress, colours: Colours): string {
  if (BAD.has(standing)) return colours.red('✖');
  if (standing === 'running') return phase === 'revert' ? colours.yellow('↩') : colours.cyan('❯');
  if (standing === 'waiting' || standing === 'skipped' || standing === 'asked') return colours.dim('·');
  return standing === 'in sync' ? colours.green('✔') : colours.yellow(standing === 'changed' ? '✔' : '~');
}

/** How many of a host's changes are made. */
const countDone = ({ planned, done }: HostProgress): number =>
  (planned ?? []).reduce((count, change) => count + (done.has(change.resource) ? 1 : 0), 0);

/** Messages name their host first; its row does so already. */
const noteOf = ({ name, note }: HostProgress): string =>
  oneLine(note.startsWith(`${name}: `) ? note.slice(name.length + 2) : note);

function hostRow(host: HostProgress, nameWidth: number, now: number, colours: Colours): string {
  const { standing, phase, planned } = host;
  const note = noteOf(host);
  const head = `  ${markOf(host, colours)} ${fit(host.name, nameWidth)}`;
  if (standing !== 'running') {
    const counted = standing === 'to change' || standing === 'changed' ? planned?.length : undefined;
    const words = counted ? `${counted} ${standing}` : standing;
    if (BAD.has(standing)) return `${head}  ${colours.red(words)}${note ? `  ${note}` : ''}`;
    return `${head}  ${colours.dim(words)}`;
  }
  const applying = phase === 'apply' && planned;
  const phaseWords = applying ? `apply ${countDone(host)}/${planned.length}` : phase;
  const current = applying ? planned.find((change) => !host.done.has(change.resource)) : undefined;
  const busy = note || (current ? titleOf(current.resource) : '');
  return `${head}  ${fit(phaseWords, PHASE_WIDTH)}  ${colours.dim(clock(now - host.since))}${busy ? `  ${busy}` : ''}`;
}

/** The changes of a host as they happen: a window of `room` rows that moves along with what is done. */
function changeRows({ planned, done, failed }: HostProgress, room: number, colours: Colours): string[] {
  const all = planned ?? [];
  const reached = all.findLastIndex(({ resource }) => done.has(resource) || failed.has(resource));
  const first = Math.max(0, Math.min(reached, all.length - room));
  return all.slice(first, first + room).map(({ resource, changes }) => {
    const title = titleOf(resource);
    if (failed.has(resource)) return `      ${colours.red(`✖ ${title}`)}`;
    if (done.has(resource)) return `      ${colours.green('✔')} ${title}`;
    return `      ${colours.dim(`${changes[0] ? SIGNS[changes[0].action] : ' '} ${title}`)}`;
  });
}

/** Running and failed hosts when not all fit: neither crowds the other out. */
function urgent(hosts: readonly HostProgress[], room: number): HostProgress[] {
  const running = hosts.filter((host) => host.standing === 'running');
  const bad = hosts.filter((host) => BAD.has(host.standing));
  const forBad = Math.min(bad.length, Math.max(room - running.length, Math.floor(room / 2)));
  return [...running.slice(0, room - forBad), ...bad.slice(bad.length - forBad)];
}

/** What the live tree shows now: at most `window.rows` lines, none wider than `window.columns`. */
export function treeRows(progress: RunProgress, window: Window, now: number, colours: Colours): string[] {
  const hosts = [...progress.hosts.values()];
  const room = Math.max(1, window.rows - FRAME_ROWS);
  const shown = hosts.length <= room ? hosts : urgent(hosts, room);
  const nameWidth = Math.min(
    LONGEST_NAME,
    shown.reduce((widest, host) => Math.max(widest, widthOf(host.name)), 0),
  );
  const open = shown.filter(
    (host) => host.standing === 'running' && host.phase === 'apply' && host.planned?.length,
  );
  const share = open.length > 0 ? Math.floor((room - shown.length) / open.length) : 0;
  const title = [
    colours.bold(oneLine(progress.title)),
    ...(progress.check ? ['(check: nothing will be changed)'] : []),
    ...(progress.play ? [`play ${oneLine(progress.play)}`] : []),
    clock(now - progress.startedAt),
  ].join('  ');
  const body = shown.flatMap((host) => [
    hostRow(host, nameWidth, now, colours),
    ...(share > 0 && open.includes(host) ? changeRows(host, share, colours) : []),
  ]);
  return [title, ...body, `  ${counterLine(hosts, colours)}`].map((line) => cut(line, window.columns));
}

/** The one row that stays when the tree has gone. */
export function lastRow(progress: RunProgress, width: number, now: number, colours: Colours): string {
  const hosts = [...progress.hosts.values()];
  const row = [
    `${progress.exitCode === 0 ? colours.green('✔') : colours.red('✖')} ${colours.bold(oneLine(progress.title))}`,
    ...(progress.exitCode === null ? [colours.red('ended early')] : []),
    counterLine(hosts, colours),
    `${((now - progress.startedAt) / 1000).toFixed(1)} s`,
    colours.dim(`run ${progress.runId}`),
  ];
  return cut(row.join('  '), width);
}
