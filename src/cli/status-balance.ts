import type { BackendStatus, ListenerStatus } from '../model/balance-status.ts';
import type { Colours } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';

export const BALANCE_HEADINGS = ['HOST', 'LISTENER', 'BACKEND', 'WEIGHT', 'STATE', 'SINCE', 'HITS', 'WHY'];

/** Listeners of so many ports are told by the first of them. */
const PORTS_SHOWN = 3;

function listenerText({ name, addresses, ports, protocols }: ListenerStatus): string {
  const shown = ports.slice(0, PORTS_SHOWN).join(',');
  const more = ports.length > PORTS_SHOWN ? ',…' : '';
  return printable(`${name} ${addresses[0] ?? ''}:${shown}${more}/${protocols.join('+')}`);
}

const backendText = ({ address, port }: BackendStatus): string =>
  printable(port === null ? address : `${address}:${port}`);

/** A line for each backend of each listener. */
export const balanceRows = (host: string, listeners: readonly ListenerStatus[]): string[][] =>
  listeners.flatMap((listener) =>
    listener.backends.map((backend) => [
      host,
      listenerText(listener),
      backendText(backend),
      String(backend.weight),
      backend.state,
      backend.since ?? '-',
      String(backend.hits),
      printable(backend.why),
    ]),
  );

/** What makes the table say less than the truth. */
export function balanceWarnings(
  host: string,
  listeners: readonly ListenerStatus[],
  colours: Colours,
): string[] {
  const named = (all: readonly ListenerStatus[]): string => printable(all.map(({ name }) => name).join(', '));
  const lost = listeners.filter(({ loaded }) => !loaded);
  const alone = listeners.filter(({ watched }) => !watched);
  return [
    ...(lost.length > 0 ? [`${host}: the kernel does not hold the rules of ${named(lost)}`] : []),
    ...(alone.length > 0
      ? [`${host}: nobody checks the backends of ${named(alone)}: the checker does not run`]
      : []),
  ].map((line) => colours.red(line));
}
