import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appHostLab, NICS, OUTSIDE } from '../lab/app-host-lab.ts';
import type { AppHostLab } from '../lab/app-host-lab.ts';
import { installApps } from '../lab/egress-apps.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const [A, B] = NICS;
const BRIDGE = '172.19.0.101';
const PEER = '172.31.0.20';

const VARIABLES = `          nat:
            engine: nftables
            masquerade: [172.31.0.16/28]
            dnat:
              - { name: peer, eip: a, port: 8080, protocol: tcp, to: ${PEER}, to_port: 80 }
          egress:
            - { name: web-b, nic: eth1, scheme: bridge, bridge: br-eip2, address: ${BRIDGE}, publish: ['8090:8090'], users: [games] }
`;

const BOTH = `
import { appHost, natGateway, play, playbook } from 'provision';
export default playbook('both', [
  play({ hosts: 'nat-gateway', roles: [natGateway()] }),
  play({ hosts: 'app-host', roles: [appHost()] }),
]);
`;

labSupport('a host that is a NAT gateway and an app host', () => {
  let lab: AppHostLab;
  let both: string;
  beforeAll(async () => {
    lab = await appHostLab(({ edit }) =>
      edit('hosts.yml', (text) =>
        text
          .replace('          egress:\n', VARIABLES)
          .replace('address: 172.31.0.14/24 }', 'address: 172.31.0.14/24, secondary: [172.31.0.15/24] }')
          .replace('  children:\n', '  children:\n    nat-gateway: { hosts: { app1: {} } }\n'),
      ),
    );
    both = lab.playbook('both', BOTH);
    const app = { name: 'web-b', listen: BRIDGE, port: 8090, user: 'games' };
    await lab.on('app1', installApps([app], OUTSIDE));
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const on = (host: string, script: string): Promise<string> =>
    lab.on(host, script).then((text) => text.trim());
  const ways = async (): Promise<Record<string, string>> => ({
    'peer1 out': await on('peer1', `curl -s -m 3 http://${OUTSIDE}/ip || echo none`),
    'peer1 in, as it sees its client': await on(
      'outside1',
      `curl -s -m 3 http://${A.eip}:8080/ip || echo none`,
    ),
    'peer1 by its own public address': await on('peer1', `curl -s -m 3 http://${A.eip}:8080/ || echo none`),
    'the bridge in and out': await on('outside1', `curl -s -m 8 http://${B.eip}:8090/ || echo none`),
    'the user': await on(
      'app1',
      `setpriv --reuid=www-data --clear-groups curl -s -m 3 http://${OUTSIDE}/ip || echo none`,
    ),
    eth1: await on('app1', `curl -s -m 3 --interface ${B.address} http://${OUTSIDE}/ip || echo none`),
  });
  const GATEWAY = {
    'peer1 out': A.eip,
    'peer1 in, as it sees its client': OUTSIDE,
    'peer1 by its own public address': expect.stringMatching(/^peer1 172\.31\.0\.(8|14)$/),
  };
  const APPS = { 'the bridge in and out': `${BRIDGE} ${B.eip}`, 'the user': B.eip, eth1: B.eip };
  const NO_GATEWAY = {
    'peer1 out': 'none',
    'peer1 in, as it sees its client': 'none',
    'peer1 by its own public address': 'none',
  };
  const run = async (): Promise<number> => {
    const ended = await lab.runPlaybook(both);
    expect([ended.code, ended.stderr]).toEqual([0, expect.anything()]);
    return ended.report.hosts.flatMap(({ changes }) => changes).length;
  };

  it(
    'is both, in one run: each way works, nothing leaves with a wrong source, and a second run changes nothing',
    async () => {
      expect((await lab.runPlaybook(both)).report.hosts.find(({ name }) => name === 'app1')?.status).toBe(
        'changed',
      );
      await on('app1', 'sleep 1');
      await lab.wrongSince();
      expect(await ways()).toEqual({ ...GATEWAY, ...APPS });
      expect(await lab.wrongSince()).toBe(0);
      expect(await run()).toBe(0);
    },
    5 * MINUTES,
  );

  it(
    'is both again by itself after a reboot',
    async () => {
      await lab.reboot('app1');
      await on('app1', 'sleep 1');
      expect(await ways()).toEqual({ ...GATEWAY, ...APPS });
      expect(await lab.wrongSince()).toBe(0);
      expect(await run()).toBe(0);
    },
    3 * MINUTES,
  );

  it(
    'either role goes without the other',
    async () => {
      const absent = (role: string, is: boolean): void =>
        lab.edit('hosts.yml', (text) =>
          is
            ? text.replace('          nat:\n', `          ${role}: { state: absent }\n          nat:\n`)
            : text.replace(`          ${role}: { state: absent }\n`, ''),
        );
      absent('nat_gateway', true);
      await lab.runPlaybook(both);
      expect(await ways()).toEqual({ ...NO_GATEWAY, ...APPS });
      expect(await run()).toBe(0);
      absent('nat_gateway', false);
      absent('app_host', true);
      await lab.runPlaybook(both);
      expect(await ways()).toMatchObject(GATEWAY);
      expect(await on('app1', "nft list tables; ip -4 rule | grep -c '^52'; true")).toBe(
        'table ip provision\n0',
      );
      // What both roles declare stays with the one that is left.
      expect(await on('app1', 'ip -4 -o addr show dev eth1')).toContain('172.31.0.15/32');
      expect(await run()).toBe(0);
      absent('app_host', false);
      expect((await lab.runPlaybook(both)).report.hosts.find(({ name }) => name === 'app1')?.status).toBe(
        'changed',
      );
      await on('app1', 'sleep 1');
      await lab.wrongSince();
      expect(await ways()).toEqual({ ...GATEWAY, ...APPS });
      expect(await lab.wrongSince()).toBe(0);
    },
    5 * MINUTES,
  );
});
