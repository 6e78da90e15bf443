import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const PORT = 9001;
const CAP = 50;

const EIPS = { office: 2, shop: 3, media: 4, solo: 5 } as const;
type Eip = keyof typeof EIPS;
const publicOf = (eip: Eip): string => `203.0.113.${EIPS[eip] + 8}`;

/** Four EIPs, three of them on secondary addresses; each leads to the same service inside. */
const withEips = (text: string): string =>
  text
    .replace('.2/24 }', '.2/24, secondary: [172.31.0.3/24, 172.31.0.4/24, 172.31.0.5/24] }')
    .replace(
      'eips:\n',
      `eips:\n${(['shop', 'media', 'solo'] as const).map((eip) => `  ${eip}: { public: ${publicOf(eip)}, private: 172.31.0.${EIPS[eip]} }\n`).join('')}`,
    )
    .replace(
      '  dnat:\n',
      `  dnat:\n${(Object.keys(EIPS) as Eip[]).map((eip) => `    - { name: flow-${eip}, eip: ${eip}, port: ${PORT}, protocol: tcp, to: 172.31.0.21 }\n`).join('')}`,
    );

/** A source and sink of bytes, perl-base only (that of Debian 11 has no Time::HiRes): whoever receives counts, for as long as the caller says. */
const FLOW = `
use strict; use warnings; use Socket;
sub now { open my $uptime, '<', '/proc/uptime' or die; return (split ' ', <$uptime>)[0]; }
$SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'IGNORE';
my ($role, $address, $port, $way, $seconds) = @ARGV;
sub receive { my ($s, $for) = @_; my ($start, $total) = (now(), 0);
  while (now() - $start < $for) { my $n = sysread($s, my $part, 262144); last unless $n; $total += $n; }
  return sprintf('%.1f', $total * 8 / (now() - $start) / 1e6); }
sub give { my ($s, $for) = @_; my $end = now() + $for; my $zeros = "\\0" x 262144;
  while (now() < $end) { last unless syswrite($s, $zeros); } }
if ($role eq 'serve') {
  socket(my $server, PF_INET, SOCK_STREAM, 0); setsockopt($server, SOL_SOCKET, SO_REUSEADDR, pack('l', 1));
  bind($server, sockaddr_in($port, INADDR_ANY)) or die; listen($server, 64);
  while (1) { accept(my $client, $server) or next; next if fork; close $server;
    sysread($client, my $asked, 64) or exit; my ($what, $for) = split ' ', $asked;
    if ($what eq 'pull') { give($client, $for + 1) } else { my $rate = receive($client, $for); syswrite($client, "$rate\\n"); }
    exit; } }
socket(my $s, PF_INET, SOCK_STREAM, 0);
$SIG{ALRM} = sub { print "0\\n"; exit }; alarm $seconds * 4 + 5;
connect($s, sockaddr_in($port, inet_aton($address))) or do { print "0\\n"; exit };
syswrite($s, sprintf('%-16s', "$way $seconds"));
if ($way eq 'pull') { print receive($s, $seconds), "\\n" }
else { my $child = fork; if (!$child) { give($s, $seconds + 1); exit } sysread($s, my $rate, 64); print $rate; kill 9, $child; }
`;

labSupport('shared bandwidth (row C)', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) => edit('host_vars/gw1.yml', withEips));
    for (const host of ['web1', 'outside1'])
      await lab.on(host, `cat > /usr/local/lib/flow.pl <<'EOF'\n${FLOW}\nEOF`);
    await lab.on(
      'web1',
      `systemctl -q disable --now lab-echo@${PORT} && systemd-run -q --unit=flow perl /usr/local/lib/flow.pl serve 0 ${PORT}`,
    );
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  type Way = 'pull' | 'push';
  /** Mbit/s of each EIP's transfer, all at once. Pull = out of the network, push = into it. */
  const transfer = async (way: Way, ...eips: Eip[]): Promise<number[]> => {
    const each = eips.map(
      (eip) => `perl /usr/local/lib/flow.pl ask ${publicOf(eip)} ${PORT} ${way} 3 > /run/flow-${eip} &`,
    );
    const said = await lab.on(
      'outside1',
      `${each.join(' ')} wait; cat ${eips.map((eip) => `/run/flow-${eip}`).join(' ')}`,
    );
    return said.trim().split('\n').map(Number);
  };
  const sum = (rates: readonly number[]): number => rates.reduce((total, rate) => total + rate, 0);

  const expectCapped = (rates: readonly number[], cap: number): void => {
    expect(sum(rates)).toBeGreaterThan(cap * 0.85);
    expect(sum(rates)).toBeLessThanOrEqual(cap * 1.005);
  };
  const expectShaped = async (): Promise<void> => {
    for (const way of ['pull', 'push'] as const) expectCapped(await transfer(way, 'shop', 'media'), CAP);
  };
  const expectInSync = async (): Promise<void> => {
    const again = await lab.run();
    expect(again.report.hosts.flatMap((host) => host.changes)).toEqual([]);
    expect(again.code).toBe(0);
  };
  const bandwidth = (line: string): void =>
    lab.edit(
      'host_vars/gw1.yml',
      (text) => `${text.replace(/^bandwidth:.*\n/m, '')}${line === '' ? '' : `bandwidth: ${line}\n`}`,
    );
  const sentences = async (...flags: string[]): Promise<string[]> => {
    const { code, report } = await lab.run(...flags);
    expect(code).toBe(0);
    return report.hosts.flatMap((host) => host.changes).map(({ sentence }) => sentence);
  };
  const SHARED = `[{ name: shared, cap: ${CAP}mbit, eips: [shop, media] }]`;
  const GUARANTEED = '[{ name: shared, cap: 80mbit, eips: [shop, media], guarantee: { shop: 60mbit } }]';
  const rootQdisc = (): Promise<string> => lab.on('gw1', 'tc qdisc show dev eth0 root');

  it.each(['pull', 'push'] as const)(
    'control: without a package one %s is far above the cap',
    async (way) => {
      expect((await lab.run()).code).toBe(0);
      expect(sum(await transfer(way, 'shop'))).toBeGreaterThan(5 * CAP);
    },
    5 * MINUTES,
  );

  it(
    'is built, and a second run changes nothing',
    async () => {
      const before = await rootQdisc();
      bandwidth(SHARED);
      lab.edit('host_vars/gw1.yml', (text) => text.replace('172.31.0.5 }', '172.31.0.5, peak: 20mbit }'));
      const check = await sentences('--check');
      expect(check).toContain('bandwidth shared: cap is absent live, should be 50mbit (out)');
      expect(check).toContain('bandwidth of solo: peak is absent live, should be 20mbit (in)');
      expect(await sentences()).toEqual(check);
      expect(await rootQdisc()).toBe(before);
      await expectInSync();
    },
    2 * MINUTES,
  );

  it.each(['pull', 'push'] as const)(
    '%s: two members together use the cap, one alone all of it, others are unaffected, a peak holds',
    async (way) => {
      const both = await transfer(way, 'shop', 'media');
      expectCapped(both, CAP);
      // Neither is pushed away by the other.
      expect(Math.min(...both)).toBeGreaterThan(CAP * 0.3);
      expectCapped(await transfer(way, 'shop'), CAP);
      const [shop = 0, media = 0, office = 0] = await transfer(way, 'shop', 'media', 'office');
      expect(office).toBeGreaterThan(5 * CAP);
      expectCapped([shop, media], CAP);
      expectCapped(await transfer(way, 'solo'), 20);
    },
    2 * MINUTES,
  );

  it(
    'what stays inside the network is not shaped',
    async () => {
      const rate = await lab.on(
        'gw1',
        `cat > /run/flow.pl <<'EOF'\n${FLOW}\nEOF\nsystemd-run -q --unit=flow perl /run/flow.pl serve 0 ${PORT + 1}`,
      );
      expect(rate).toBe('');
      await lab.on('gw1', 'firewall-cmd -q --add-port=9002/tcp');
      await lab.on('db1', `cat > /run/flow.pl <<'EOF'\n${FLOW}\nEOF`);
      const said = await lab.on('db1', `perl /run/flow.pl ask 172.31.0.3 ${PORT + 1} pull 2`);
      expect(Number(said)).toBeGreaterThan(5 * CAP);
      // Control: it is the exemption that does it.
      await lab.on('gw1', 'tc filter del dev eth0 egress prio 4209');
      expectCapped([Number(await lab.on('db1', `perl /run/flow.pl ask 172.31.0.3 ${PORT + 1} pull 2`))], CAP);
      expect((await lab.run()).code).toBe(0);
      await lab.on('gw1', 'systemctl stop flow; firewall-cmd -q --remove-port=9002/tcp');
    },
    2 * MINUTES,
  );

  it.each([
    [
      'a class with another rate',
      'tc class change dev pv-pe parent 1: classid 1:10 htb rate 40mbit ceil 40mbit burst 64k cburst 64k quantum 15000',
      ['bandwidth shared: cap is 40mbit live, should be 50mbit (out)'],
    ],
    [
      'a class deleted',
      'tc filter del dev pv-pe parent 1: prio 10; tc class del dev pv-pe classid 1:11',
      expect.arrayContaining([
        'bandwidth shared: share of shop is absent live, should be 25mbit to 50mbit (out)',
        'bandwidth (out): missing live: 172.31.0.3 to shop, 172.31.0.4 to media, 172.31.0.5 to solo',
      ]),
    ],
    [
      'a class added',
      'tc class add dev pv-pi parent 1: classid 1:99 htb rate 1mbit quantum 1500',
      ['bandwidth (in): not declared but present live: class 1:99'],
    ],
    [
      'the filters of one way deleted',
      'tc filter del dev eth0 ingress prio 4210',
      ['bandwidth (in): missing live: 172.31.0.3 on eth0, 172.31.0.4 on eth0, 172.31.0.5 on eth0'],
    ],
    [
      'what is free deleted',
      'tc filter del dev eth0 egress prio 4209',
      ['bandwidth (out): missing live: 172.31.0.0/24 free on eth0'],
    ],
    ['a device down', 'ip link set pv-pi down', ['bandwidth: device pv-pi is down live, should be up']],
    [
      'a device deleted',
      'ip link del pv-pe',
      expect.arrayContaining(['bandwidth: device pv-pe is absent live, should be up']),
    ],
    [
      'the script edited',
      'echo exit 0 >> /etc/provision/shape.sh',
      ['bandwidth: /etc/provision/shape.sh differs in the saved configuration'],
    ],
    [
      'the unit disabled',
      'systemctl -q disable provision-net',
      ['bandwidth: provision-net.service is not enabled at boot'],
    ],
    [
      'the unit deleted',
      'rm /etc/systemd/system/provision-net.service',
      expect.arrayContaining(['/etc/systemd/system/provision-net.service is missing']),
    ],
  ])(
    'drift: %s is named and corrected',
    async (_name, drift, expected) => {
      await lab.on('gw1', drift);
      expect(await sentences()).toEqual(expected);
      await expectInSync();
      expectCapped(await transfer('pull', 'shop', 'media'), CAP);
    },
    2 * MINUTES,
  );

  it.each([
    ['a firewalld reload', 'firewall-cmd -q --reload'],
    ['a restart of networkd', 'systemctl restart systemd-networkd && sleep 1'],
    ['a networkctl reconfigure', 'networkctl reconfigure eth0 && sleep 1'],
  ])(
    'is the same after %s',
    async (_name, event) => {
      await lab.on('gw1', event);
      await expectShaped();
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'after a reboot the boot unit has built it',
    async () => {
      await lab.reboot('gw1');
      await expectShaped();
      expect(await lab.on('gw1', 'systemctl is-active provision-net')).toBe('active\n');
      await expectInSync();
    },
    3 * MINUTES,
  );

  it(
    'another cap is set in place, without building anew',
    async () => {
      const number = () => lab.on('gw1', 'cat /sys/class/net/pv-pe/ifindex');
      const before = await number();
      bandwidth(GUARANTEED);
      expect(await sentences()).toContain(
        'bandwidth shared: share of shop is 25mbit to 50mbit live, should be 60mbit to 80mbit (in)',
      );
      expect(await number()).toBe(before);
      const [shop = 0, media = 0] = await transfer('pull', 'shop', 'media');
      expectCapped([shop, media], 80);
      expect(shop / media).toBeGreaterThan(2);
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'a run that fails after it puts the rates back as they were, and what it built when there was nothing',
    async () => {
      const failing = lab.playbook(
        'failing',
        `import { command, defineRole, natGateway, play, playbook } from 'provision';
const fails = defineRole('fails', () => ({ resources: [command({ name: 'fails', check: 'false', run: 'false', undo: 'true' })] }));
export default playbook('fails', [play({ hosts: 'nat-gateway', roles: [natGateway(), fails()] })]);`,
      );
      const state = () =>
        lab.on(
          'gw1',
          'tc class show dev pv-pe 2>/dev/null | sort; tc qdisc show dev eth0; ls /etc/provision 2>&1; true',
        );
      const built = await state();
      expect(built).toContain('rate 80Mbit');
      bandwidth('[{ name: shared, cap: 70mbit, eips: [shop, media] }]');
      const back = await lab.runPlaybook(failing);
      expect([back.code, back.stdout + back.stderr]).toEqual([
        2,
        expect.stringContaining('should be 70mbit'),
      ]);
      expect(await state()).toBe(built);

      bandwidth('');
      lab.edit('host_vars/gw1.yml', (text) => text.replace(', peak: 20mbit', ''));
      expect((await lab.run()).code).toBe(0);
      const nothing = await state();
      expect(nothing).not.toMatch(/clsact|htb/);
      bandwidth(SHARED);
      expect((await lab.runPlaybook(failing)).code).toBe(2);
      expect(await state()).toBe(nothing);
      bandwidth(GUARANTEED);
      lab.edit('host_vars/gw1.yml', (text) => text.replace('172.31.0.5 }', '172.31.0.5, peak: 20mbit }'));
      expect((await lab.run()).code).toBe(0);
    },
    2 * MINUTES,
  );

  it(
    'one way only: the other is free, and a peak counts there',
    async () => {
      bandwidth(`[{ name: shared, cap: ${CAP}mbit, eips: [shop, solo], direction: egress }]`);
      await sentences();
      await expectInSync();
      expectCapped(await transfer('pull', 'shop', 'solo'), CAP);
      expect(sum(await transfer('push', 'shop'))).toBeGreaterThan(5 * CAP);
      expectCapped(await transfer('push', 'solo'), 20);
    },
    2 * MINUTES,
  );

  it(
    '1500mbit is the rate of its class',
    async () => {
      bandwidth('[{ name: shared, cap: 1500mbit, eips: [shop, media] }]');
      await sentences();
      expect(await lab.on('gw1', 'tc class show dev pv-pe classid 1:10')).toMatch(
        /rate 1500Mbit ceil 1500Mbit/,
      );
      await expectInSync();
      bandwidth(SHARED);
      await sentences();
    },
    2 * MINUTES,
  );

  it(
    'filters of others on the same hook stay; an ingress qdisc of somebody else is refused before anything is changed',
    async () => {
      await lab.on(
        'gw1',
        'tc filter add dev eth0 ingress protocol ip prio 77 u32 match ip src 192.0.2.7/32 flowid :1',
      );
      const foreign = () => lab.on('gw1', 'tc filter show dev eth0 ingress | grep -A1 "pref 77 .*flowid"');
      const before = await foreign();
      expect(before).toContain('match c0000207/ffffffff at 12');
      await lab.on('gw1', 'ip link del pv-pe');
      expect((await lab.run()).code).toBe(0);
      expect(await foreign()).toBe(before);
      await lab.on('gw1', 'tc qdisc del dev eth0 clsact && tc qdisc add dev eth0 ingress');
      const { code, stderr } = await lab.run();
      expect(code).toBe(2);
      expect(stderr).toContain('eth0 has an ingress qdisc of somebody else');
      expect(stderr).toContain('tc qdisc del dev eth0 ingress');
      await lab.on('gw1', 'tc qdisc del dev eth0 ingress');
      expect((await lab.run()).code).toBe(0);
      await expectShaped();
    },
    2 * MINUTES,
  );

  it(
    'no longer declared: nothing of ours is left, and a transfer is far above the cap',
    async () => {
      const root = await rootQdisc();
      bandwidth('');
      lab.edit('host_vars/gw1.yml', (text) => text.replace(', peak: 20mbit', ''));
      expect(await sentences()).toEqual(
        expect.arrayContaining(['bandwidth: /etc/provision/shape.sh should not exist']),
      );
      const left = await lab.on(
        'gw1',
        'tc qdisc show; ip -o link; ls -d /etc/provision 2>&1; find /etc/systemd -name "provision-net*"; systemctl list-units --all "provision-net*" --no-legend',
      );
      expect(left).not.toMatch(/pv-p|clsact|provision-net|shape/);
      expect(left).toContain("cannot access '/etc/provision'");
      expect(await rootQdisc()).toBe(root);
      expect(sum(await transfer('pull', 'shop'))).toBeGreaterThan(5 * CAP);
      await expectInSync();
    },
    2 * MINUTES,
  );
});
