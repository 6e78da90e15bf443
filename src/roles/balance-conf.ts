import type { BalancedService, BalanceRules, HealthCheck } from '../model/balance.ts';

const HEAD = '# Written by provision. Changes made here are put back by the next run. Read by lb-checker.\n';

/** One word per setting but for the last: a command, or a part of an answer, goes to the end of its line. */
function checkLines({
  ask,
  port,
  source,
  interval,
  timeout,
  fast,
  rise,
  fall,
  allDown,
}: HealthCheck): string[] {
  return [
    `all-down ${allDown}`,
    `times ${interval} ${timeout} ${fast} ${rise} ${fall}`,
    ...(source === null && port === null ? [] : [`from ${source ?? '-'} ${port ?? '-'}`]),
    ...(ask.kind === 'http' ? [`path ${ask.path}`] : []),
    ...(ask.kind === 'http' && ask.body !== '' ? [`body ${ask.body}`] : []),
    ask.kind === 'tcp'
      ? 'check tcp'
      : ask.kind === 'http'
        ? `check http ${ask.status}`
        : `check command ${ask.command}`,
  ];
}

function serviceLines(service: BalancedService): string[] {
  const { name, id, protocols, addresses, ports, by, turns, affinity, backends, health } = service;
  return [
    `service ${name} ${id}`,
    `protocols ${protocols.join(' ')}`,
    `addresses ${addresses.join(' ')}`,
    `ports ${ports.map(({ from, to }) => `${from}-${to}`).join(' ')}`,
    `by ${by}`,
    `turns ${turns.join(' ')}`,
    ...(affinity === null ? [] : [`affinity ${affinity}`]),
    ...(health ? checkLines(health) : []),
    ...backends.map(
      ({ address, port, weight, state }) => `backend ${address} ${port ?? '-'} ${weight} ${state}`,
    ),
  ];
}

/** What lb-checker reads: a line for each setting and each backend. Values are checked text without line breaks. */
export const balanceConf = ({ services }: BalanceRules): string =>
  `${HEAD}${services.flatMap(serviceLines).join('\n')}\n`;
