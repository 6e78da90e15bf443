import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { firewalldPolicy, firewalldZone } from '../../../src/resources/index.ts';
import { onlyWhere } from '../../../src/resources/only-where.ts';
import { toBaseline } from '../../../src/resources/to-baseline.ts';
import { runtimeFields } from '../../../src/resources/firewalld-dbus.ts';
import { policyFromXml, zoneFromXml } from '../../../src/resources/firewalld-xml.ts';
import { captured, describeResource, facts } from './conformance.ts';

const gateway = captured('debian-12-firewalld-1.3.3-zone-gateway');
const zoneXml = gateway.stdout.slice(gateway.stdout.indexOf('<?xml'));
const policy = captured('debian-12-firewalld-1.3.3-policy-forward');
const policyXml = policy.stdout.slice(policy.stdout.indexOf('<?xml'));
const zone = firewalldZone({ name: 'public', xml: () => zoneXml });

describeResource('firewalld-zone', {
  resource: zone,
  matching: gateway,
  absent: { stdout: '\n\n\nabsent\n', code: 0 },
  different: captured('debian-12-firewalld-1.3.3-zone-masquerade-removed-live'),
  differs: ['live.rules'],
  hostile: (text) =>
    firewalldZone({ name: text, xml: () => `<zone><short>${text.replaceAll(/[<>&]/g, '')}</short></zone>` }),
});

describeResource('firewalld-policy', {
  resource: firewalldPolicy({ name: 'provision-forward', xml: () => policyXml }),
  matching: policy,
  absent: captured('debian-12-firewalld-1.3.3-policy-absent'),
  different: { ...policy, stdout: policy.stdout.replace('172.31.0.0/24\\"', '10.0.0.0/8\\"') },
  differs: ['live.rules'],
  hostile: (text) => firewalldPolicy({ name: text, xml: () => '<policy target="CONTINUE"/>' }),
});

describe('firewalld zone', () => {
  it('removed at run time only: a reload and no write', () => {
    const change = zone.plan(captured('debian-12-firewalld-1.3.3-zone-masquerade-removed-live'), facts);
    expect(change?.apply.writes).toEqual([]);
    expect(change?.apply.handlers?.map((handler) => handler.id)).toEqual(['firewalld reload']);
    expect(change?.changes[0]?.sentence).toBe(
      'zone public: missing live: masquerade for 172.31.0.16/28 towards outside 172.31.0.0/24',
    );
  });

  it('firewalld 0.9 writes NOT in small letters: the same rule all the same', () => {
    const { stdout } = captured('debian-11-firewalld-0.9.3-zone-gateway');
    expect(stdout).toContain('destination not address');
    expect(runtimeFields(stdout, ['rules'], 'zone')).toEqual({
      rules: [
        'rule family="ipv4" destination address="172.31.0.2" forward-port port="8080" protocol="tcp" to-port="80" to-addr="172.31.0.21"',
        'rule family="ipv4" source address="172.31.0.16/28" destination NOT address="172.31.0.0/24" masquerade',
      ],
    });
  });

  it('removed permanently only: a write and no reload', () => {
    const saved = { ...gateway, stdout: gateway.stdout.replace('<masquerade/>', '<accept/>') };
    const change = zone.plan(saved, facts);
    expect(change?.changes.map(({ layer, field }) => `${layer}.${field}`)).toEqual(['saved.rules']);
    expect(change?.apply.writes).toHaveLength(1);
    expect(change?.apply.handlers?.map(({ id }) => id)).toEqual(['firewalld check']);
  });

  it('asks by which zone SSH comes in only of a host where it differs', () => {
    expect(zone.probeMore?.(gateway, facts)).toBeNull();
    const drifted = captured('debian-12-firewalld-1.3.3-zone-masquerade-removed-live');
    expect(JSON.stringify(zone.probeMore?.(drifted, facts))).toContain('getActiveZones');
    // Nobody is cut off by going back to what was there, nor by what goes away.
    expect(toBaseline(zone).probeMore?.(drifted, facts)).toBeUndefined();
    const gone = firewalldZone({ name: 'public', xml: null });
    expect(JSON.stringify(gone.probe)).not.toContain('getActiveZones');
    expect(gone.probeMore?.(drifted, facts)).toBeNull();
    // A first run knows it already.
    const known = captured('debian-12-firewalld-1.3.3-zone-holds-eth0');
    expect(zone.probeMore?.(known, facts)).toBeNull();
  });

  it.each([
    ['asks it at once, and once, where its file is not there', '/none', ['active', 'drop', 'active', 'drop']],
    ['does not ask where it is', '/dev/null', ['', '', '', '']],
  ])('%s', (_what, file, lines) => {
    const conf = path.join(mkdtempSync(path.join(os.tmpdir(), 'provision-firewalld-')), 'firewalld.conf');
    writeFileSync(conf, '# DefaultZone=home\nDefaultZone=home\nDefaultZone=drop\n');
    const texts = [zone, firewalldPolicy({ name: 'provision-forward', xml: () => policyXml })].map(
      ({ probe }) => {
        const [, around] = probe as readonly { readonly inline: string }[];
        return (around?.inline ?? '')
          .replaceAll(/'\/etc\/firewalld\/\w+\/[\w-]+\.xml'/g, file)
          .replaceAll('/etc/firewalld/firewalld.conf', conf);
      },
    );
    const script = `exec 9>&2; busctl() { echo asked >&9; echo active; }\n${texts.join('\n')}\n`;
    const said = spawnSync('dash', ['-c', script], { encoding: 'utf8' });
    rmSync(path.dirname(conf), { recursive: true });
    expect(said.stdout).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(said.stderr).toBe(file === '/none' ? 'asked\n' : '');
  });

  it('asks nothing more of a host where it is not wanted, and the same condition of the others', () => {
    const drifted = captured('debian-12-firewalld-1.3.3-zone-masquerade-removed-live');
    const where = onlyWhere('test -e /there', zone);
    expect(where.probeMore?.({ stdout: `not here\n${drifted.stdout}`, code: 0 }, facts)).toBeNull();
    expect(JSON.stringify(where.probeMore?.(drifted, facts))).toMatch(/test -e \/there.*getActiveZones/);
    expect(where.probeMore?.(gateway, facts)).toBeNull();
  });

  it('stopped firewalld is missing live only', () => {
    const change = zone.plan(captured('debian-12-firewalld-1.3.3-zone-stopped'), facts);
    expect(new Set(change?.changes.map(({ layer }) => layer))).toEqual(new Set(['live']));
  });

  it('reverts to the file it found, to the letter, and reloads', () => {
    const found = captured('debian-12-firewalld-1.3.3-zone-default');
    const change = zone.plan(found, facts);
    expect(change?.revert.writes).toEqual([`rm -f '/etc/firewalld/zones/public.xml'`]);
    expect(change?.revert.handlers?.map((handler) => handler.id)).toEqual(['firewalld reload']);
  });

  it('a file that cannot be parsed is drift', () => {
    const change = zone.plan(
      { ...gateway, stdout: gateway.stdout.replace('<zone>', '<zonk>').replace('</zone>', '</zonk>') },
      facts,
    );
    expect(change?.changes.some(({ layer, field }) => layer === 'saved' && field === 'unreadable')).toBe(
      true,
    );
  });

  it.each([
    ['the firewalld that runs', 0, 'checkPermanentConfig'],
    ['its offline tool where none runs', 3, '--check-config'],
  ])('has the new configuration checked by %s, before it is loaded', (_how, state, question) => {
    const change = zone.plan(captured('debian-12-firewalld-1.3.3-zone-default'), facts);
    expect(change?.apply.handlers?.map(({ id }) => id)).toEqual(['firewalld check', 'firewalld reload']);
    const [check] = change?.apply.handlers ?? [];
    const run = (verdict: number) => {
      const fakes = [
        `systemctl() { return ${state}; }`,
        // Nobody answers on the bus where none runs.
        `check() { case "$*" in *${question}*) echo "asked: $verdict"; return ${verdict} ;; esac; return 1; }`,
        // dash takes no "-" in the name of a function.
        'busctl() { check "$@"; }; firewall-offline-cmd() { check "$@" >&2; }',
      ];
      const script = `${[`verdict=${verdict}`, ...fakes, 'set -e', check?.script ?? ''].join('\n')}\n`;
      return spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    };
    expect(run(0).status).toBe(0);
    expect(run(1)).toMatchObject({ status: 1, stderr: expect.stringContaining('asked: 1') as unknown });
  });

  it('what is taken away needs no check: firewalld may be gone as well', () => {
    const gone = firewalldZone({ name: 'public', xml: null }).plan(gateway, facts);
    expect([gone?.apply.writes, gone?.apply.handlers?.map(({ id }) => id)]).toEqual([
      [`rm -f '/etc/firewalld/zones/public.xml'`],
      ['firewalld reload'],
    ]);
  });
});

describe('firewalld XML', () => {
  it('reads rich rules as firewalld prints them', () => {
    expect(zoneFromXml(zoneXml)['rules']).toEqual([
      'rule family="ipv4" destination address="172.31.0.2" forward-port port="8080" protocol="tcp" to-port="80" to-addr="172.31.0.21"',
      'rule family="ipv4" destination address="172.31.0.2" forward-port port="9000-9003" protocol="udp" to-addr="172.31.0.21"',
      'rule family="ipv4" source address="172.31.0.16/28" destination NOT address="172.31.0.0/24" masquerade',
    ]);
  });

  it('reads priorities, logs, limits, marks and rejects', () => {
    const xml =
      '<zone><rule priority="-10"><source ipset="bad"/><service name="ssh"/><log prefix="x" level="info"><limit value="3/minute"/></log><audit/><reject type="icmp-port-unreachable"><limit value="2/second"/></reject></rule><rule><port port="1" protocol="tcp"/><mark set="5/0xff"/></rule></zone>';
    expect(zoneFromXml(xml)['rules']).toEqual([
      'rule port port="1" protocol="tcp" mark set=5/0xff',
      'rule priority="-10" source ipset="bad" service name="ssh" log prefix="x" level="info" limit value="3/m" audit reject type="icmp-port-unreachable" limit value="2/s"',
    ]);
  });

  it('reads policies', () => {
    expect(policyFromXml(policyXml)).toMatchObject({
      target: 'CONTINUE',
      priority: -1,
      ingress_zones: ['ANY'],
      egress_zones: ['ANY'],
    });
  });
});
