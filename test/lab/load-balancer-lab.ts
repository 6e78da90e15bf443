import { expect } from '@jest/globals';
import { gatewayLab } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';

/** What a load balancer's lab can do besides. */
export interface BalancerLab extends GatewayLab {
  /** Rewrites the variables of lb1. */
  declare(vars: string): void;
  /** Asks so often from there, one new connection each; how often each first word came ("none" = no answer). */
  answers(from: string, url: string, times: number): Promise<Record<string, number>>;
}

/** `A 20\nB 20` of uniq(1), turned round. */
export const counts = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => line.trim().split(/\s+/))
      .map(([count = '', word = '']): [string, number] => [word, Number(count)]),
  );

/**
 * For cases that ask who serves, not how exactly the turns are counted: every connection was answered, by these, and none
 * is more than one off. One connection may take two turns: where its translated port is one that the backend still holds
 * in TIME_WAIT for somebody else, the backend answers the SYN with an ACK, the client with a RST, which ends the entry of
 * conntrack, and milliseconds later with its SYN again, which is balanced anew (seen with `conntrack -E` on Linux 6.18:
 * 9 of 7,000). The exact split is held by the case of seed 004.
 */
export function expectSpread(seen: Record<string, number>, wanted: Record<string, number>): void {
  const sum = (each: Record<string, number>): number =>
    Object.values(each).reduce((all, one) => all + one, 0);
  const apart = Object.entries(wanted).map(([name, count]) => Math.abs((seen[name] ?? 0) - count));
  expect({
    seen,
    names: Object.keys(seen).toSorted(),
    sum: sum(seen),
    within: Math.max(...apart) <= 1,
  }).toEqual({
    seen,
    names: Object.keys(wanted).toSorted(),
    sum: sum(wanted),
    within: true,
  });
}

/** inventory/lab-load-balancer with its own variables for lb1, indented as those of a host. */
export async function balancerLab(
  vars: string,
  hosts = (text: string): string => text,
): Promise<BalancerLab> {
  const declared = (text: string): string => `ansible_host: 10.192.0.65
nics: { eth0: { network: vpc-b, address: 10.192.0.65/24 } }
eips: { web: { public: 203.0.113.65, private: 10.192.0.65 } }
${text}`;
  const lab = await gatewayLab(
    ({ edit }) => {
      edit('hosts.yml', hosts);
      edit('host_vars/lb1.yml', () => declared(vars));
    },
    'inventory/lab-load-balancer',
    'playbooks/load-balancer.ts',
  );
  return {
    ...lab,
    declare: (text) => lab.edit('host_vars/lb1.yml', () => declared(text)),
    answers: async (from, url, times) =>
      counts(
        // One curl, and a connection for each: the service closes it. Where there was no answer stands its status, 000.
        await lab.on(
          from,
          `for i in $(seq ${times}); do echo 'url = "${url}"'; done | curl -s -m 5 -w '=%{http_code}\\n' -K - | sed -e '/^=200$/d' -e 's/^=.*/none/' | cut -d ' ' -f 1 | sort | uniq -c`,
        ),
      ),
  };
}
