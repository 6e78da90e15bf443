import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { rules } from '../../src/resources/index.ts';
import type { RulesProps } from '../../src/resources/index.ts';
import type { Facts } from '../../src/model/resource.ts';
import { provision } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const INVENTORY = `all:
  vars: { networks: { vpc-a: { cidr: 172.31.0.0/24, gateway: 172.31.0.1 } } }
  hosts:
    h1: { ansible_host: 172.31.0.2, nics: { eth0: { network: vpc-a, address: 172.31.0.2/24 } } }
`;

const set = (name: string, chain: string, target: string): RulesProps => ({
  name,
  engine: 'iptables',
  nftables: null,
  iptables: `*nat
:${chain}DNAT - [0:0]
-A ${chain}DNAT -d 203.0.113.10/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination ${target}
-I PREROUTING 1 -j ${chain}DNAT
COMMIT
`,
});
const NAT = set('nat', 'PROVISION-', '172.31.0.8');
const SIDE = set('side', 'PROVISION_SIDE-', '172.31.0.9');

const FACTS: Facts = {
  hostname: 'h1',
  os: { id: 'debian', like: [], version: '12' },
  kernel: '6.1',
  init: 'systemd',
  sshPort: null,
  sshClient: null,
  ssh: null,
  ipv6Route: false,
};

labSupport('several sets of rules on one host', () => {
  let directory: string;
  const cli = async (...argv: string[]): Promise<string> => {
    const ended = await provision(...argv);
    if (ended.code !== 0) throw new Error(`${argv.join(' ')}: ${ended.stdout}${ended.stderr}`);
    return ended.stdout;
  };
  const on = (script: string): Promise<string> =>
    cli('lab', 'exec', '-i', directory, 'h1', 'sh', '-c', script);
  const plan = async (props: RulesProps) =>
    rules(props).plan({ stdout: await on(rules(props).probe as string), code: 0 }, FACTS);
  const differences = async (props: RulesProps): Promise<string[]> =>
    ((await plan(props))?.changes ?? []).map(({ sentence }) => sentence);
  const apply = async (props: RulesProps): Promise<void> => {
    const change = await plan(props);
    await on(['mkdir -p -m 0700 /etc/provision', ...(change?.apply.steps ?? [])].join('\n'));
  };
  const jumps = async (): Promise<string[]> =>
    (await on('iptables -t nat -S PREROUTING | grep ^-A')).trim().split('\n');

  beforeAll(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'provision-lab-test-'));
    writeFileSync(path.join(directory, 'hosts.yml'), INVENTORY);
    await cli('lab', 'up', '--install', '-i', directory);
    await on('iptables -t nat -A PREROUTING -p udp --dport 53 -j RETURN');
  }, 20 * MINUTES);
  afterAll(async () => {
    await cli('lab', 'down', '-i', directory);
    rmSync(directory, { recursive: true, force: true });
  }, 2 * MINUTES);

  it(
    'each is read, loaded and taken away by itself; where the jump of one stands is no drift of the other',
    async () => {
      await apply(NAT);
      await apply(SIDE);
      expect(await jumps()).toEqual([
        '-A PREROUTING -j PROVISION-DNAT',
        '-A PREROUTING -j PROVISION_SIDE-DNAT',
        '-A PREROUTING -p udp -m udp --dport 53 -j RETURN',
      ]);
      expect([await differences(NAT), await differences(SIDE)]).toEqual([[], []]);

      // A rule of somebody else that comes first is drift of both, and each mends its own.
      await on('iptables -t nat -I PREROUTING 1 -p udp --dport 54 -j RETURN');
      expect(await differences(NAT)).toEqual([
        'missing live: jump to PROVISION-DNAT at place 1 of nat PREROUTING; not declared but present live: jump to PROVISION-DNAT at place 2 of nat PREROUTING',
      ]);
      const drifted = await plan(SIDE);
      await on((drifted?.apply.steps ?? []).join('\n'));
      expect(await differences(SIDE)).toEqual([]);
      expect(await differences(NAT)).toHaveLength(1);
      // The way back puts the jump behind as many rules of others as before, wherever the other set's stands.
      await on((drifted?.revert.steps ?? []).join('\n'));
      expect((await jumps()).slice(0, 1)).toEqual(['-A PREROUTING -p udp -m udp --dport 54 -j RETURN']);
      expect(await differences(SIDE)).toHaveLength(1);
      await apply(NAT);
      await apply(SIDE);

      await apply({ ...SIDE, iptables: null });
      expect(await differences(NAT)).toEqual([]);
      expect(await on('iptables-save | grep -c PROVISION_SIDE- || true')).toBe('0\n');
      expect(await on('ls /etc/provision')).toBe('load-nat\nnat.rules\n');
    },
    5 * MINUTES,
  );
});
