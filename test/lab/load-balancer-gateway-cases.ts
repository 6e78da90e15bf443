import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

const LISTENERS = `listeners:
  - name: seen
    address: 203.0.113.10
    port: 8090
    snat: false
    backends: [{ address: 172.31.0.20, port: 9000 }, { address: 172.31.0.21, port: 80 }]
  - { name: spread, redirect: { port: 8100, to: 8101-8104 } }
`;

const PLAYBOOK = `import { loadBalancer, natGateway, play, playbook } from 'provision';
export default playbook('both', [
  play({ hosts: 'nat-gateway', roles: [natGateway()] }),
  play({ hosts: 'nat-gateway', roles: [loadBalancer()] }),
]);`;

/** `firewalld`: inventory/lab as it is, where firewalld translates. `iptables`: no firewalld, and both in iptables. */
export function gatewayAndBalancerCases(engine: 'firewalld' | 'iptables'): void {
  labSupport(`one host that is gateway and balancer, NAT by ${engine}`, () => {
    let lab: GatewayLab;
    let both: string;
    beforeAll(async () => {
      lab = await gatewayLab(({ edit }) =>
        edit('host_vars/gw1.yml', (text) => {
          const gateway =
            engine === 'firewalld'
              ? text
              : text.replace('engine: firewalld', 'engine: iptables').replace(/firewall:\n(  .*\n)+/, '');
          return `${gateway}lab: { image: bare, serve: [8102, 8103] }\n${LISTENERS}`;
        }),
      );
      both = lab.playbook('both', PLAYBOOK);
      await lab.on(
        'db1',
        'cp /etc/systemd/system/lab-echo@.service /etc/systemd/system/more-echo@.service; systemctl start more-echo@9000',
      );
    }, 20 * MINUTES);
    afterAll(async () => lab?.down(), 2 * MINUTES);

    const asked = async (from: string, url: string): Promise<string[]> =>
      (await lab.on(from, `for i in $(seq 6); do curl -s -m 3 ${url} || echo none; done | sort -u`))
        .trim()
        .split('\n');

    it(
      'one run makes both, and the second run of both changes nothing',
      async () => {
        expect((await lab.runPlaybook(both)).code).toBe(0);
        const again = await lab.runPlaybook(both);
        expect(changesOf(again.report, 'gw1')).toEqual([]);
        expect(again.code).toBe(0);
      },
      5 * MINUTES,
    );

    it(
      'backends see the outside client; clients of their own subnet and the balancer itself are served too',
      async () => {
        expect(await asked('outside1', 'http://203.0.113.10:8090/')).toEqual([
          'db1 198.51.100.10',
          'web1 198.51.100.10',
        ]);
        for (const from of ['iso1', 'db1', 'gw1'])
          expect(await asked(from, 'http://203.0.113.10:8090/')).toEqual([
            'db1 172.31.0.2',
            'web1 172.31.0.2',
          ]);
        expect(
          (await asked('outside1', 'http://203.0.113.10:8100/port')).every((port) =>
            /^(810[1-4])$/.test(port),
          ),
        ).toBe(true);
      },
      MINUTES,
    );

    it(
      'the gateway goes on: sources leave by the EIP, its DNAT entry answers',
      async () => {
        expect(await asked('db1', 'http://198.51.100.10/ip')).toEqual(['203.0.113.10']);
        expect(await asked('iso1', 'http://198.51.100.10/ip')).toEqual(['none']);
        expect(await asked('outside1', 'http://203.0.113.10:8080/')).toEqual(['web1 198.51.100.10']);
      },
      MINUTES,
    );

    it(
      'after a reboot both hold without a run; the balancer alone can be taken away',
      async () => {
        await lab.reboot('gw1');
        expect(await asked('outside1', 'http://203.0.113.10:8090/')).toEqual([
          'db1 198.51.100.10',
          'web1 198.51.100.10',
        ]);
        expect(await asked('db1', 'http://198.51.100.10/ip')).toEqual(['203.0.113.10']);
        lab.edit('host_vars/gw1.yml', (text) => `${text}load_balancer: { state: absent }\n`);
        expect((await lab.runPlaybook(both)).code).toBe(0);
        expect(await asked('outside1', 'http://203.0.113.10:8090/')).toEqual(['none']);
        expect(await asked('db1', 'http://198.51.100.10/ip')).toEqual(['203.0.113.10']);
        expect(await asked('outside1', 'http://203.0.113.10:8080/')).toEqual(['web1 198.51.100.10']);
        expect(changesOf((await lab.runPlaybook(both)).report, 'gw1')).toEqual([]);
      },
      3 * MINUTES,
    );
  });
}
