import type { HostReport } from '../model/report.ts';
import type { Colours } from './colour.ts';

const count = (flag: boolean): number => (flag ? 1 : 0);

/** Ansible's recap line, so that existing greps go on working. `ok` counts resources, `verified` passed checks. */
export function recapLine(host: HostReport, width: number, check: boolean, colours: Colours): string {
  const changed = new Set(host.changes.map((change) => change.resource)).size;
  const made = host.status === 'changed' || host.status === 'planned';
  const bad = host.status === 'failed' || host.status === 'unknown' || host.status === 'pending';
  // In --check they are only the baseline.
  const failedChecks = check ? 0 : host.checks.filter((check) => check.status !== 'pass').length;
  const numbers: [string, number, (text: string) => string][] = [
    [
      'ok',
      host.status === 'ok' || made ? host.resources - (host.status === 'planned' ? changed : 0) : 0,
      colours.green,
    ],
    ['changed', made ? changed : 0, colours.yellow],
    ['unreachable', count(host.status === 'unreachable'), colours.red],
    ['failed', count(bad) + (host.status === 'unreachable' ? 0 : failedChecks), colours.red],
    ['skipped', count(host.status === 'skipped'), colours.cyan],
    ['verified', host.checks.filter((check) => check.status === 'pass').length, colours.green],
    ['reverted', count(host.status === 'reverted'), colours.red],
  ];
  const words = numbers.map(([name, value, colour]) =>
    value > 0 ? colour(`${name}=${value}`) : `${name}=${value}`,
  );
  return `${host.name.padEnd(width)} : ${words.join(' ')}`;
}
