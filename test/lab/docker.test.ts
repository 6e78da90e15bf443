import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changesOf, gatewayLab, nameNics, SNAPSHOT, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const EIP = '203.0.113.10';
const CLIENT = '198.51.100.10';

const gateway = (more = '', sources = '172.31.0.16/28'): string => `ansible_host: 172.31.0.2
lab: { image: full }
nics:
  eth0: { network: vpc-a, address: 172.31.0.2/24 }
eips:
  office: { public: ${EIP}, private: 172.31.0.2 }
nat:
  masquerade: [${sources}]
  dnat:
    - { name: web, eip: office, port: 8080, protocol: tcp, to: 172.31.0.21, to_port: 80 }
${more}`;
const ANOTHER_BACKEND =
  '    - { name: other, eip: office, port: 8081, protocol: tcp, to: 172.31.0.20, to_port: 80 }\n';

/** Rules of others: as fail2ban writes them, of people in Docker's own chain, and a table by hand. */
const FOREIGN = `
iptables -N f2b-sshd; iptables -A f2b-sshd -s 192.0.2.66/32 -j REJECT; iptables -A f2b-sshd -j RETURN; iptables -I INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
iptables -I DOCKER-USER -s 192.0.2.67/32 -j DROP
nft add table inet by_hand; nft add chain inet by_hand c '{ type filter hook input priority 7; policy accept; }'; nft add rule inet by_hand c ip saddr 192.0.2.9 counter drop`;

/** All rules of iptables but ours, Docker's networks, and the table by hand; without counters. */
const FOREIGN_RULES = `iptables-save | grep -v -e '^#' -e PROVISION_DOCKER | sed 's, \\[[0-9:]*\\]$,,'; docker network ls --format '{{.Name}}' | sort; nft -s list table inet by_hand`;

/** dockerd finds forwarding off, switches it on itself, and closes FORWARD. */
const DOCKER_FIRST =
  'systemctl stop docker.service docker.socket; sysctl -qw net.ipv4.ip_forward=0; iptables -P FORWARD ACCEPT; systemctl start docker';

const POLICY = 'iptables -S FORWARD | head -n 1';

labSupport('a gateway beside Docker', () => {
  let lab: GatewayLab;
  const write = (text: string): void => lab.edit('host_vars/gw1.yml', () => text);
  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) => {
      edit('host_vars/gw1.yml', () => gateway());
      edit('hosts.yml', (text) =>
        text.replace('        db1:\n', '        db1:\n          lab: { serve: [80] }\n'),
      );
    });
    await nameNics(lab, 'gw1');
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const on = (script: string): Promise<string> => lab.on('gw1', script).then((text) => text.trim());
  /** Whom the outside sees when web1 asks it, and whom web1 sees when the outside asks it; "none" = no answer. */
  const ways = async (): Promise<string[]> => {
    const out = await lab.on('web1', `curl -s -m 2 http://${CLIENT}/ip || echo none`);
    const inward = await lab.on('outside1', `curl -s -m 2 http://${EIP}:8080/ip || echo none`);
    return [out.trim(), inward.trim()];
  };
  const OPEN = [EIP, CLIENT];
  const CLOSED = ['none', 'none'];
  const changed = async (...flags: string[]): Promise<string[]> => {
    const run = await lab.run(...flags);
    expect([run.code, run.stderr]).toEqual([0, expect.anything()]);
    return changesOf(run.report, 'gw1');
  };
  const CURE = ['live docker-forward:FORWARD: accepted', 'live docker-forward:FORWARD: jump'];

  it(
    'Docker that was there first has closed FORWARD: one run opens it for what is declared, and touches nobody else',
    async () => {
      await on('systemctl -q disable --now firewalld');
      await on(DOCKER_FIRST);
      expect([await on(POLICY), await on('cat /proc/sys/net/ipv4/ip_forward')]).toEqual([
        '-P FORWARD DROP',
        '1',
      ]);
      await on(`${FOREIGN}; docker network create before`);
      const foreign = await on(FOREIGN_RULES);
      expect(await changed()).toEqual(expect.arrayContaining(CURE));
      expect(await ways()).toEqual(OPEN);
      expect((await lab.on('iso1', `curl -s -m 2 http://${CLIENT}/ip || echo none`)).trim()).toBe('none');
      expect(await on(FOREIGN_RULES)).toBe(foreign);
      // Rules of people decide first, as without Docker's DROP.
      expect(await on('iptables -S DOCKER-USER')).toMatch(
        /-s 192\.0\.2\.67\/32 -j DROP\n-A DOCKER-USER -j PROVISION_DOCKER\n-A DOCKER-USER -j RETURN$/,
      );
      expect(await changed()).toEqual([]);
      // Control: the comparison sees a rule of somebody else that goes.
      await on('iptables -D f2b-sshd -s 192.0.2.66/32 -j REJECT');
      expect(await on(FOREIGN_RULES)).not.toBe(foreign);
    },
    5 * MINUTES,
  );

  it(
    'without it nothing gets through; the next run says so and mends it',
    async () => {
      await on('iptables -D DOCKER-USER -j PROVISION_DOCKER');
      expect(await ways()).toEqual(CLOSED);
      const run = await lab.run();
      expect(run.stdout).toContain('DOCKER-USER does not lead to PROVISION_DOCKER');
      expect(changesOf(run.report, 'gw1')).toEqual(['live docker-forward:FORWARD: jump']);
      expect(await ways()).toEqual(OPEN);
      expect(await changed()).toEqual([]);
    },
    2 * MINUTES,
  );

  it.each([
    ['docker network create', 'docker network create after'],
    ['systemctl restart docker', 'systemctl restart docker'],
  ])(
    'case 27: %s leaves table and way intact',
    async (_what, script) => {
      const own = await on('nft -s list table ip provision');
      await on(script);
      expect(await on('nft -s list table ip provision')).toBe(own);
      expect(await on(POLICY)).toBe('-P FORWARD DROP');
      expect(await ways()).toEqual(OPEN);
      expect(await changed()).toEqual([]);
    },
    2 * MINUTES,
  );

  it(
    'case 26: a network of Docker that is made inside the window outlives the rollback',
    async () => {
      const ours = await on('iptables -S PROVISION_DOCKER');
      const before = await on(FOREIGN_RULES);
      const inside = `{ ${FOREIGN_RULES}; } > /run/inside`;
      const broken = lab.playbook(
        'broken',
        `import { command, defineRole, natGateway, play, playbook } from 'provision';
         const late = defineRole('late', () => ({ resources: [command({ name: 'late', check: 'false', undo: ':',
           run: ${JSON.stringify(`docker network create inside; iptables -S PROVISION_DOCKER > /run/ours; ${inside}; exit 1`)} })] }));
         export default playbook('broken', [play({ hosts: 'nat-gateway', roles: [natGateway(), late()] })]);`,
      );
      write(gateway(ANOTHER_BACKEND));
      expect(statusOf((await lab.runPlaybook(broken)).report, 'gw1')).toBe('reverted');
      // Control: the change had been made, and the network too.
      expect(await on('cat /run/ours')).toContain('172.31.0.20/32');
      expect(await on('cat /run/inside')).not.toBe(before);
      expect(await on(FOREIGN_RULES)).toBe(await on('cat /run/inside'));
      expect(await on('docker network ls -q -f name=inside | wc -l')).toBe('1');
      expect(await on('iptables -S PROVISION_DOCKER')).toBe(ours);
      write(gateway());
      expect(await changed()).toEqual([]);
      expect(await ways()).toEqual(OPEN);
    },
    2 * MINUTES,
  );

  it(
    'taken away: the way goes with the rest, and rules of others stay',
    async () => {
      const foreign = await on(FOREIGN_RULES);
      write(`${gateway()}nat_gateway: { state: absent }\n`);
      expect(await changed()).toEqual(expect.arrayContaining(CURE));
      expect(await on('iptables-save | grep -c PROVISION; true')).toBe('0');
      expect(await on('nft list tables | grep -c provision; true')).toBe('0');
      expect(await on(FOREIGN_RULES)).toBe(foreign);
      write(gateway());
      expect(await changed()).toEqual(expect.arrayContaining(CURE));
      expect(await on(FOREIGN_RULES)).toBe(foreign);
    },
    3 * MINUTES,
  );

  it(
    'a reboot ends it: Docker finds forwarding on, closes nothing, and nothing of ours is needed in its chain',
    async () => {
      await lab.reboot('gw1');
      await on('systemctl start docker');
      expect(await on(POLICY)).toBe('-P FORWARD ACCEPT');
      expect(await on('iptables-save | grep -c PROVISION; true')).toBe('0');
      expect(await ways()).toEqual(OPEN);
      expect(await changed()).toEqual([]);
    },
    3 * MINUTES,
  );

  it(
    'beside firewalld: its reloads by a run keep the way, those by others take it, and the next run finds that',
    async () => {
      await on(`systemctl -q enable --now firewalld; ${DOCKER_FIRST}`);
      await changed();
      expect([await on(POLICY), ...(await ways())]).toEqual(['-P FORWARD DROP', ...OPEN]);
      expect(await changed()).toEqual([]);
      // A run that has only firewalld to mend.
      await on(
        `firewall-cmd -q --policy provision-forward --remove-rich-rule 'rule family="ipv4" source address="172.31.0.16/28" accept'`,
      );
      expect(await changed()).toEqual(['live firewalld-policy:provision-forward: rules']);
      expect(await ways()).toEqual(OPEN);
      // A run that has both to change.
      write(gateway(ANOTHER_BACKEND, '172.31.0.16/28, 172.31.0.64/28'));
      expect(await changed()).toEqual(
        expect.arrayContaining(['live docker-forward:FORWARD: accepted', 'saved rules:nat: file']),
      );
      expect(await changed()).toEqual([]);
      // Somebody else.
      const own = await on('nft -s list table ip provision');
      await on('firewall-cmd -q --reload; sleep 2');
      expect(await on('nft -s list table ip provision')).toBe(own);
      // A reload of firewalld 1 empties the chains of iptables, ours in DOCKER-USER too; firewalld 2 leaves them alone.
      const empties = Number.parseInt(await on('firewall-cmd --version'), 10) < 2;
      expect([await on(POLICY), ...(await ways())]).toEqual([
        '-P FORWARD DROP',
        ...(empties ? CLOSED : OPEN),
      ]);
      expect(await changed()).toEqual(empties ? CURE : []);
      expect(await ways()).toEqual(OPEN);
    },
    4 * MINUTES,
  );

  it.each([
    ['nftables', 'a set that is not there', 'ip saddr @missing drop'],
    ['iptables', 'an ipset that is not there', '-A PROVISION-FORWARD -m set --match-set missing src -j DROP'],
    ['iptables', 'a module that the kernel lacks', '-A PROVISION-FORWARD -m ipvs --ipvs -j DROP'],
  ])(
    'case 30: rules for %s that need %s are refused before anything is armed',
    async (engine, _what, rule) => {
      // Beside a firewalld that runs, iptables would be refused for another reason.
      if (engine === 'iptables') await on('systemctl stop firewalld');
      write(gateway(`  engine: ${engine}\n`));
      const id = engine === 'nftables' ? 'nftables/nat.nft' : 'iptables/nat.rules';
      const after = engine === 'nftables' ? 'ct state invalid counter drop' : '--ctstate INVALID -j DROP';
      const templates = path.join(lab.inventory, '..', 'templates');
      const own = path.join(templates, `${id}.hbs`);
      mkdirSync(path.dirname(own), { recursive: true });
      const text = readFileSync(`templates/${id}.hbs`, 'utf8');
      writeFileSync(own, text.replace(after, `${after}\n${rule}`));
      const snapshot = await on(SNAPSHOT);
      const transactions = await on('ls /var/lib/provision/txn');
      const run = await lab.run('--templates', templates);
      expect(run.code).toBe(2);
      expect(run.report.hosts.find(({ name }) => name === 'gw1')?.error?.code).toBe('rules-refused');
      expect([await on('ls /var/lib/provision/txn'), await on(SNAPSHOT)]).toEqual([transactions, snapshot]);
      // Control: the package's own template is taken.
      const taken = await lab.run('--check');
      expect(taken.report.hosts.find(({ name }) => name === 'gw1')?.error).toBeUndefined();
    },
    2 * MINUTES,
  );
});
