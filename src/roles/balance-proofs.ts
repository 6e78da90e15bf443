import { reach, spread } from '../checks/index.ts';
import { PRIVATE_SPACE } from '../model/nat-rules.ts';
import type { BalancedService, BalanceRules } from '../model/balance.ts';
import { contains } from '../model/ipv4.ts';
import type { CheckSpec } from '../model/playbook.ts';

/** How many listeners are asked in every run, and after a change: each question is a connection. */
const ASKED_ALWAYS = 4;
const ASKED_AFTER_A_CHANGE = 20;

/** The outside asks by a public address; a listener that has none is asked by the balancer itself. */
function vantageOf({ addresses }: BalancedService, host: string): { from: string; address: string } {
  const found = addresses.find((address) => !PRIVATE_SPACE.some((block) => contains(block, address)));
  return found === undefined
    ? { from: host, address: addresses[0] ?? '' }
    : { from: 'probes', address: found };
}

/** Who takes new connections as far as the inventory can say. */
const weightsOf = ({ backends }: BalancedService): number[] =>
  backends.filter(({ state, weight }) => state === 'active' && weight > 0).map(({ weight }) => weight);

/** Every TCP listener answers; where answers tell backends apart, each active one answers, near its weight. */
export function balanceProofs({ services }: BalanceRules, host: string): CheckSpec[] {
  const asked = services.filter((each) => each.protocols.includes('tcp') && weightsOf(each).length > 0);
  return asked.flatMap((service, index): CheckSpec[] => {
    const { name, identity, by, affinity } = service;
    const { from, address } = vantageOf(service, host);
    const port = service.ports[0]?.from ?? 0;
    const answers = reach({
      name: `${name} answers${from === 'probes' ? ' from outside' : ''}`,
      from,
      to: `${address}:${port}`,
      expect: 'open',
      optional: true,
      when: index < ASKED_ALWAYS ? 'always' : index < ASKED_AFTER_A_CHANGE ? 'change' : 'verify',
    });
    if (identity === null || by === 'source' || affinity !== null) return [answers];
    return [
      answers,
      spread({
        name: `${name} is spread by weight`,
        from,
        to: `http://${address}:${port}${identity}`,
        weights: weightsOf(service),
        optional: true,
        when: index < ASKED_AFTER_A_CHANGE ? 'change' : 'verify',
      }),
    ];
  });
}
