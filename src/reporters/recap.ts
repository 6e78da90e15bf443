import type { HostReport } from '../model/report.ts';
import type { Colours } from './colour.ts';

const count = (flag: boolean): number => (flag ? 1 : 0);

/** Up to so many hosts each have their line on a terminal; of more, only those that need eyes. */
const FEW = 20;

const BAD = new Set(['failed', 'reverted', 'pending', 'unknown', 'unreachable']);

/** Resources that are not as declared, over all hosts. */
const differing = (hosts: readonly HostReport[]): number =>
  new Set(hosts.flatMap((host) => host.changes.map((change) => `${host.name} ${change.resource}`))).size;

/** The last word of a run that changes nothing; `provision verify` looks at no resource. */
export function toMake(hosts: readonly HostReport[]): string {
  if (hosts.every(({ resources }) => resources === 0)) return 'only checks were asked; nothing was changed';
  const total = differing(hosts);
  return `${total} ${total === 1 ? 'change' : 'changes'} to make; nothing was changed (--check)`;
}

/** In --check they are only the baseline. */
const failedChecks = (host: HostReport, check: boolean): number =>
  check ? 0 : host.checks.filter(({ status }) => status !== 'pass').length;

/** Ansible's recap line, so that existing greps go on working. `ok` counts resources, `verified` passed checks. */
export function recapLine(host: HostReport, width: number, check: boolean, colours: Colours): string {
  const changed = new Set(host.changes.map((change) => change.resource)).size;
  const made = host.status === 'changed' || host.status === 'planned';
  const bad = host.status === 'failed' || host.status === 'unknown' || host.status === 'pending';
  const failed = count(bad) + (host.status === 'unreachable' ? 0 : failedChecks(host, check));
  const numbers: [string, number, (text: string) => string][] = [
    [
      'ok',
      host.status === 'ok' || made ? host.resources - (host.status === 'planned' ? changed : 0) : 0,
      colours.green,
    ],
    ['changed', made ? changed : 0, colours.yellow],
    ['unreachable', count(host.status === 'unreachable'), colours.red],
    ['failed', failed, colours.red],
    ['skipped', count(host.status === 'skipped'), colours.cyan],
    ['verified', host.checks.filter(({ status }) => status === 'pass').length, colours.green],
    ['reverted', count(host.status === 'reverted'), colours.red],
  ];
  const words = numbers.map(([name, value, colour]) =>
    value > 0 ? colour(`${name}=${value}`) : `${name}=${value}`,
  );
  return `${host.name.padEnd(width)} : ${words.join(' ')}`;
}

export interface RecapOptions {
  readonly check: boolean;
  /** A line for every host, however many. */
  readonly all: boolean;
  readonly colours: Colours;
}

/** RECAP and its lines. Of many hosts, those without trouble are only counted, so that trouble is what is seen. */
export function recapSection(hosts: readonly HostReport[], { check, all, colours }: RecapOptions): string[] {
  const trouble = (host: HostReport): boolean => BAD.has(host.status) || failedChecks(host, check) > 0;
  const shown = all || hosts.length <= FEW ? hosts : hosts.filter(trouble);
  const width = Math.max(0, ...shown.map((host) => host.name.length));
  const rest = hosts.length - shown.length;
  return [
    colours.bold('RECAP'),
    ...shown.map((host) => recapLine(host, width, check, colours)),
    ...(rest > 0 ? [`${rest} ${shown.length > 0 ? 'more ' : ''}hosts without trouble (-v lists them)`] : []),
  ];
}
