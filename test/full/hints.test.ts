import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Report } from '../../src/model/report.ts';
import { gatewayLab } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;

/** A network with its gateway and a host behind it for each step that the cloud's side may lack; the last lacks none. */
const FAULTS = ['route-table', 'source-destination-check', 'security-group', 'eip-binding', ''];
const numbered = FAULTS.map((fault, index) => ({ fault, n: index + 1 }));

const NETWORKS = numbered
  .map(({ n }) => `  net-${n}: { cidr: 172.31.${n}.0/24, gateway: 172.31.${n}.1 }`)
  .join('\n');

const HOSTS = `all:
  children:
    probes: { hosts: { outside1: { ansible_host: 198.51.100.10 } } }
    nat-gateway:
      hosts:
${numbered
  .map(
    ({ fault, n }) => `        gw${n}:
          ansible_host: 172.31.${n}.2
          lab: { image: bare, faults: [${fault}] }
          nics: { eth0: { network: net-${n}, address: 172.31.${n}.2/24 } }
          eips: { office: { public: 203.0.113.1${n}, private: 172.31.${n}.2 } }
          nat: { masquerade: [172.31.${n}.16/28] }`,
  )
  .join('\n')}
    behind:
      hosts:
${numbered
  .map(
    ({ n }) =>
      `        db${n}: { ansible_host: 172.31.${n}.20, nics: { eth0: { network: net-${n}, address: 172.31.${n}.20/24 } } }`,
  )
  .join('\n')}
    undeclared:
      hosts:
        stray: { ansible_host: 172.31.5.40, nics: { eth0: { network: net-5, address: 172.31.5.40/24 } } }
`;

const PLAYBOOK = `import { egress, natGateway, play, playbook } from 'provision';
export default playbook('hints', [
  play({ hosts: 'nat-gateway', roles: [natGateway()], checks: [egress({ from: 'undeclared', expect: '203.0.113.15' })] }),
]);
`;

/** Host → the step that its failing check names; a check that passes has none. */
const stepsOf = ({ hosts }: Report): Record<string, string | null> =>
  Object.fromEntries(
    hosts.flatMap(({ name, checks }) =>
      checks.map(({ status, hint }) => [name, status === 'pass' ? 'passes' : (hint?.step ?? null)]),
    ),
  );

/** Without what a form escapes or wraps. */
const plain = (text: string): string => text.replaceAll(/&[a-z#0-9]+;|[^A-Za-z0-9.]/g, '');

labSupport('each step that was left out is named, and no other', () => {
  let lab: GatewayLab;
  let playbook: string;
  beforeAll(async () => {
    lab = await gatewayLab(({ edit }) => {
      edit('group_vars/all.yml', (text) => text.replace(/networks:[\s\S]*$/, `networks:\n${NETWORKS}\n`));
      edit('hosts.yml', () => HOSTS);
      edit('host_vars/gw1.yml', () => '{}\n');
    });
    playbook = lab.playbook('hints', PLAYBOOK);
  }, 6 * MINUTES);
  afterAll(() => lab.down(), MINUTES);

  it(
    'route table, source/destination check, security group, EIP; a source that nat does not have',
    async () => {
      const forms = ['xml', 'md', 'html', 'ndjson'].map((form) =>
        path.join(path.dirname(playbook), `all.${form}`),
      );
      const { code, stdout, report } = await lab.runPlaybook(
        playbook,
        ...forms.flatMap((form) => ['--report', form]),
      );
      expect(code).toBe(2);
      expect(stepsOf(report)).toEqual({
        db1: 'route-table',
        db2: 'source-destination-check',
        db3: 'security-group',
        db4: 'eip-binding',
        db5: 'passes',
        stray: 'masquerade',
      });
      expect(stdout).toMatch(
        /^db1 +likely: .*the route-table entry of net-1 \(0\.0\.0\.0\/0 to gw1, 172\.31\.1\.2\)\.$/m,
      );
      expect(stdout).toMatch(
        /^db4 +likely: gw4 itself does not get out by 172\.31\.4\.2: EIP office \(203\.0\.113\.14\)/m,
      );
      expect(stdout).toMatch(
        /^stray +likely: 172\.31\.5\.40 of stray is in no masquerade or snat entry of gw5/m,
      );
      // Every form of the report says it too.
      const hints = report.hosts.flatMap(({ checks }) => checks.flatMap(({ hint }) => hint?.sentence ?? []));
      expect(hints).toHaveLength(5);
      for (const form of forms) {
        const text = plain(readFileSync(form, 'utf8'));
        expect(hints.filter((sentence) => !text.includes(plain(sentence)))).toEqual([]);
      }
    },
    4 * MINUTES,
  );

  it(
    'forwarding that somebody switched off, rules that somebody removed: verify says so without a run',
    async () => {
      const verify = async (): Promise<Record<string, string | null>> =>
        stepsOf((await lab.runPlaybook('verify', playbook, '-l', 'gw5')).report);
      await lab.on('gw5', 'sysctl -qw net.ipv4.ip_forward=0');
      expect(await verify()).toEqual({ db5: 'forwarding', stray: 'masquerade' });
      await lab.on('gw5', 'sysctl -qw net.ipv4.ip_forward=1; iptables -t nat -F PROVISION-OUT');
      expect(await verify()).toEqual({ db5: 'masquerade', stray: 'masquerade' });
      // Looking changed nothing there; a run puts the rules back.
      const { report } = await lab.runPlaybook(playbook, '-l', 'gw5');
      expect(stepsOf(report)['db5']).toBe('passes');
    },
    4 * MINUTES,
  );

  it(
    'a change that is put back keeps its reason',
    async () => {
      await lab.on('gw1', 'sysctl -qw net.ipv4.ip_forward=0');
      const strict = lab.playbook(
        'strict',
        `import { egress, natGateway, play, playbook } from 'provision';
export default playbook('strict', [
  play({ hosts: 'gw1', roles: [natGateway()], checks: [egress({ from: 'db1', expect: '203.0.113.11', name: 'must work', onFail: 'revert' })] }),
]);
`,
      );
      const { code, report } = await lab.runPlaybook(strict);
      expect(code).toBe(2);
      expect(report.hosts.find(({ name }) => name === 'gw1')?.status).toBe('reverted');
      const [check] =
        report.hosts.find(({ name }) => name === 'db1')?.checks.filter(({ name }) => name === 'must work') ??
        [];
      expect(check).toMatchObject({ status: 'fail', hint: { step: 'route-table' } });
    },
    4 * MINUTES,
  );
});
