import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;

/**
 * A gateway with so many DNAT entries, of both protocols but the last, which is TCP only; entry `moved` goes to another
 * backend. (By nftables each protocol has a map, so that an entry of both shows as two changes.)
 */
const gateway = (engine: string, count: number, moved = -1): string => `ansible_host: 172.31.0.2
nics:
  eth0: { network: vpc-a, address: 172.31.0.2/24 }
eips:
  office: { public: 203.0.113.10, private: 172.31.0.2 }
nat:
  engine: ${engine}
  masquerade: [172.31.0.16/28]
  dnat:
${Array.from(
  { length: count },
  (_none, index) =>
    `    - { name: e${index}, eip: office, port: ${10_000 + index}, protocol: ${index === count - 1 ? 'tcp' : 'tcp+udp'}, to: ${index === moved ? '172.31.0.20' : '172.31.0.21'}, to_port: 80 }\n`,
).join('')}`;

labSupport('DNAT tables of any size', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab();
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  it.each([
    ['nftables', 1],
    ['nftables', 100],
    ['nftables', 5000],
    ['iptables', 5000],
  ])(
    'by %s with %i entries: the second run is empty and sends no rules; one changed entry is one change',
    async (engine, count) => {
      lab.edit('host_vars/gw1.yml', () => gateway(engine, count));
      // Udp entries answer nobody here: what is looked at is the host, not the checks.
      const first = (await lab.run('-l', 'gw1')).report.hosts.find(({ name }) => name === 'gw1');
      expect(first?.status).toBe('changed');
      const second = (await lab.run('-l', 'gw1')).report.hosts.find(({ name }) => name === 'gw1');
      expect(second?.changes).toEqual([]);
      expect([second?.ssh.connections, second?.ssh.execs]).toEqual([1, 1]);
      if (count === 5000) {
        // Control: the first run did send them.
        expect(first?.ssh.bytesOut).toBeGreaterThan(500_000);
        expect(second?.ssh.bytesOut).toBeLessThan(30_000);
      }
      lab.edit('host_vars/gw1.yml', () => gateway(engine, count, count - 1));
      const third = (await lab.run('-l', 'gw1')).report.hosts.find(({ name }) => name === 'gw1');
      const live =
        third?.changes.filter(({ layer, field }) => layer === 'live' && /dnat|DNAT/.test(field)) ?? [];
      expect(live).toHaveLength(1);
      const port = 10_000 + count - 1;
      expect(live[0]?.sentence).toContain(`172.31.0.2:${port}/tcp goes to 172.31.0.21`);
      expect(live[0]?.sentence).not.toContain(`:${port - 1}/`);
      expect(third?.changes.filter(({ layer }) => layer === 'saved')).toHaveLength(1);
    },
    6 * MINUTES,
  );
});
