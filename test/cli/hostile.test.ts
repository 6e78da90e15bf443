import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { launchScript, scriptsOf as filesOf } from '../../src/engine/transaction-script.ts';
import type { Transaction } from '../../src/engine/transaction-script.ts';
import { PLACES } from '../../src/engine/transaction-shell.ts';
import { newBaselines } from '../../src/engine/baseline.ts';
import { compile } from '../../src/engine/compile.ts';
import type { Compiled } from '../../src/engine/compile.ts';
import { probeScript } from '../../src/engine/probe-script.ts';
import type { ProbeResult } from '../../src/engine/probe-script.ts';
import { loadInventory } from '../../src/inventory/load.ts';
import { selectHosts } from '../../src/inventory/patterns.ts';
import { problemsOf } from '../../src/model/error.ts';
import type { ProvisionError } from '../../src/model/error.ts';
import type { Facts, Resource } from '../../src/model/resource.ts';
import { play, playbook } from '../../src/playbook/define.ts';
import { toBaseline } from '../../src/resources/index.ts';
import { appHost } from '../../src/roles/app-host.ts';
import { loadBalancer } from '../../src/roles/load-balancer.ts';
import { natGateway } from '../../src/roles/nat-gateway.ts';
import { templates } from '../../src/templating.ts';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import {
  EVERYTHING,
  GATEWAY,
  hostileTexts,
  nameOf,
  placeOf,
  textFields,
  withText,
} from './hostile-fields.ts';
import { errorsIn, playbookOf, projectFor } from './project.ts';
import type { Project } from './project.ts';

const FIELDS = textFields();
const FACTS: Facts = {
  hostname: 'gw1',
  kernel: '6.1.0',
  init: 'systemd',
  os: { id: 'debian', like: [], version: '12' },
  sshPort: 22,
  sshClient: '198.18.0.2',
  ssh: { client: '198.18.0.2', clientPort: 50022, address: '172.31.0.2', port: 22, nic: 'eth0' },
  ipv6Route: false,
};

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'provision-hostile-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const canary = (): string => join(directory, 'canary');
const texts = (): [string, string][] => Object.entries(hostileTexts(canary()));

type Outcome =
  { readonly problems: readonly ProvisionError[] } | { readonly problems: null; readonly compiled: Compiled };

/** An inventory, as JSON, through everything that happens before a host is contacted. */
async function prepare(inventory: unknown): Promise<Outcome> {
  const file = join(directory, 'inventory.yml');
  writeFileSync(file, JSON.stringify(inventory, null, 1));
  try {
    const loaded = await loadInventory([file]);
    const compiled = compile({
      playbook: playbook('gateway', [
        play({ hosts: 'nat-gateway', roles: [natGateway(), appHost(), loadBalancer()] }),
      ]),
      inventory: loaded,
      render: templates(['templates']),
      select: (pattern) => selectHosts(loaded, pattern),
      limit: undefined,
      override: (host, vars) => ({ ...host.vars, ...vars }),
    });
    return { problems: null, compiled };
  } catch (error) {
    return { problems: problemsOf(error) };
  }
}

const gatewayWith = (vars: unknown): unknown => ({
  all: { children: { 'nat-gateway': { hosts: { gw1: vars } } } },
});

/** What the probe of a host without any of these says. */
const nothingOn = (declared: readonly Resource[]): ProbeResult => ({
  facts: FACTS,
  outputs: new Map(declared.map(({ id }) => [id, { stdout: '', code: 127 }])),
  baselines: new Map(),
  checks: [],
  transactions: { baselines: new Set(), pending: null, stuck: null, last: null },
});

/** Every script that a run might send: reading; and changing, there and back, a host that has nothing of it. */
function scriptsOf({ plays }: Compiled): string[] {
  return plays.flatMap(({ resources, checks }) =>
    [...resources.values()].flatMap((declared) => {
      const changes = declared.flatMap((resource) => resource.plan({ stdout: '', code: 127 }, FACTS) ?? []);
      const [packages, others] = [
        changes.filter(({ kind }) => kind === 'package'),
        changes.filter(({ kind }) => kind !== 'package'),
      ];
      const plan = { packages, changes: others };
      const transaction: Transaction = {
        id: '20261120T000000-00000000-1',
        nonce: 'nonce',
        places: PLACES,
        armed: true,
        plan,
        baselines: newBaselines(declared, nothingOn(declared), 'run'),
        confirmTimeout: 60,
        applyTimeout: 60,
        undoTimeout: 30,
        record: { changes: changes.flatMap((change) => change.changes.map(({ sentence }) => sentence)) },
      };
      const files = filesOf(transaction);
      return [
        probeScript(declared, checks, 'nonce', true),
        probeScript(declared.map(toBaseline), [], 'nonce', true),
        launchScript(transaction),
        files['apply.sh'] ?? '',
        files['rollback.sh'] ?? '',
      ];
    }),
  );
}

/** Throws when dash, the strictest shell that hosts have, finds a syntax error. Runs nothing. */
const parse = (script: string): Buffer =>
  execFileSync('dash', ['-n'], { input: script, stdio: ['pipe', 'pipe', 'pipe'] });
// A quote of a quoted text stands outside, behind a backslash (src/shell/quote.ts).
const outsideQuotes = (script: string): string => script.replaceAll(/\\'|'[^']*'/g, '');

describe('case 32: hostile text in every field of the inventory', () => {
  const passed = new Set<string>();

  it('control: the inventory without it is valid, and its scripts parse', async () => {
    const outcome = await prepare(gatewayWith(EVERYTHING));
    expect(outcome.problems).toBeNull();
    if (outcome.problems === null) expect(scriptsOf(outcome.compiled).map(parse)).toHaveLength(5);
  });

  it('the list of fields is that of the schema', () => {
    const names = FIELDS.map(nameOf);
    expect(names.length).toBeGreaterThan(80);
    expect(names).toEqual(
      expect.arrayContaining([
        'ansible_host',
        'jump',
        'jump[0]',
        'nat.dnat[0].name',
        'firewall.zones.<key>',
        'firewall.zones.name1.interfaces[0]',
        'egress[0].containers[0].image',
        'listeners[0].health.http.path',
      ]),
    );
  });

  it.each(FIELDS.map((field) => [nameOf(field), field] as const))(
    '%s: refused there with a clear error, or inert',
    async (name, field) => {
      for (const [kind, text] of texts()) {
        const outcome = await prepare(gatewayWith(withText(EVERYTHING, field, text)));
        if (outcome.problems === null) {
          passed.add(name);
          for (const script of scriptsOf(outcome.compiled)) {
            parse(script);
            expect(outsideQuotes(script)).not.toContain(text);
          }
          continue;
        }
        // Refused for what it is, and not for a neighbour's sake.
        expect({ kind, field: outcome.problems.some(({ message }) => placeOf(field).test(message)) }).toEqual(
          { kind, field: true },
        );
        for (const { code, hint, place, message } of outcome.problems) {
          expect(code).toBe('inventory');
          // What is too long says what to do in the sentence itself.
          if (!/must be at most \d+ characters/.test(message)) {
            expect({ message, hint }).toEqual({ message, hint: expect.any(String) });
          }
          expect(place?.line).toBeGreaterThan(0);
        }
      }
      expect(existsSync(canary())).toBe(false);
    },
  );

  it('what passed is known: a path of this machine, a long URL, what a container or a health check gets', () => {
    expect([...passed].sort()).toEqual([
      'ansible_become_password',
      'ansible_ssh_private_key_file',
      'echo_url',
      'echo_url[0]',
      'egress[0].containers[0].command[0]',
      'egress[0].containers[0].environment.name1',
      'egress[0].network.options.<key>',
      'egress[0].network.options.name1',
      'listeners[0].health.command',
      'listeners[0].health.http.body',
    ]);
  });

  it.each(['host', 'group', 'zone'])('as the name of a %s', async (where) => {
    for (const [, text] of texts()) {
      const inventory = {
        host: { all: { children: { 'nat-gateway': { hosts: Object.fromEntries([[text, GATEWAY]]) } } } },
        group: {
          all: {
            children: {
              'nat-gateway': { hosts: { gw1: GATEWAY } },
              ...Object.fromEntries([[text, { hosts: { gw1: null } }]]),
            },
          },
        },
        zone: gatewayWith({
          ...GATEWAY,
          firewall: { zones: Object.fromEntries([[text, { interfaces: ['eth0'] }]]) },
        }),
      }[where];
      const outcome = await prepare(inventory);
      if (outcome.problems === null) scriptsOf(outcome.compiled).forEach((script) => void parse(script));
      else expect(outcome.problems.map(({ code }) => code)).toEqual(outcome.problems.map(() => 'inventory'));
    }
    expect(existsSync(canary())).toBe(false);
  });
});

describe('case 32: hostile text through the whole command line', () => {
  const network = fakeNetwork();
  const project = (host: FakeHost, source: string, vars: Record<string, unknown> = {}): Project =>
    projectFor(network, { gw1: host }, source, { vars });

  it.each([
    ['ansible_host', 'an option'],
    ['ansible_host', 'command substitution'],
    ['ansible_user', 'double quote'],
    ['ansible_port', 'no blank'],
    ['jump', 'an option'],
    ['jump', 'backticks'],
    ['echo_url', 'command substitution'],
    ['host_keys', 'single quote'],
    ['ansible_connection', 'line break'],
  ])('%s: %s is refused, and no host is contacted', async (field, kind) => {
    const host = await network.host();
    const run = await project(host, playbookOf('mark(host.name)'), {
      [field]: hostileTexts(canary())[kind],
    }).run();
    expect([run.code, host.connections, run.stdout]).toEqual([5, 0, '']);
    const [error] = errorsIn(run.stderr);
    expect(error).toMatchObject({
      code: 'inventory',
      message: expect.stringMatching(new RegExp(`^${field}`)),
    });
    expect(run.stderr).not.toMatch(/\n\s+at |\u001B|\u0007/);
    expect(existsSync(canary())).toBe(false);
  });

  it.each(['double quote', 'command substitution', 'an option', 'a pipe'])(
    'a key file of that name is only a file that is not there: %s',
    async (kind) => {
      const host = await network.host();
      const text = hostileTexts(canary())[kind]?.replace('ProxyCommand', 'BatchMode');
      const run = await project(host, playbookOf('mark(host.name)'), {
        ansible_ssh_private_key_file: text,
      }).run();
      expect([run.code, host.logins]).toEqual([4, []]);
      expect(errorsIn(run.stderr)).toHaveLength(1);
      expect(existsSync(canary())).toBe(false);
    },
  );

  it.each(['-l', '-i', '--templates', '--report', '-F'])('as the value of %s', async (flag) => {
    const host = await network.host();
    const own = project(host, playbookOf('[]'));
    const run = await own.run([
      `${flag}${flag.startsWith('--') ? '=' : ''}${hostileTexts('canary')['double quote'] ?? ''}`,
    ]);
    expect(run.code).toBe(flag === '--templates' ? 0 : 5);
    expect(run.stderr).not.toMatch(/\n\s+at /);
    expect(existsSync(own.at('canary'))).toBe(false);
  });

  /** The group of files that this user makes. */
  const owner = `owner: '${userInfo().username}', group: '${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}'`;
  const FREE = `[
    file({ path: here(host.name + '.motd'), content: vars.motd + '\\n', ${owner} }),
    file({ path: here(host.name + vars.motd.replaceAll('/', '_').slice(0, 200)), content: 'x', ${owner} }),
    file({ path: here(host.name + '.rendered'), content: template('motd', { motd: vars.motd }), ${owner} }),
    command({ name: vars.motd, check: sh\`test -e \${here(host.name + '.done')} && test -n \${vars.motd}\`, run: sh\`printf %s \${vars.motd} > \${here(host.name + '.done')}\`, undo: sh\`rm -f \${here(host.name + '.done')}\` }),
  ]`;
  const FREE_PLAYBOOK = playbookOf(FREE).replace('({ host, vars }: any)', '({ host, vars, template }: any)');

  it('a variable of the user’s own, in files, their names, templates and commands that run', async () => {
    const all = Object.entries(hostileTexts(canary())).filter(
      ([kind]) => !['NUL', 'template'].includes(kind),
    );
    const hosts = await Promise.all(
      all.map(async ([, motd], index) => ({ name: `h${index}`, motd, host: await network.host() })),
    );
    const own = projectFor(
      network,
      Object.fromEntries(hosts.map(({ name, host }) => [name, host])),
      FREE_PLAYBOOK,
      {
        hostVars: Object.fromEntries(hosts.map(({ name, motd }) => [name, { motd }])),
      },
    );
    own.write('templates/motd.hbs', 'says "{{motd}}"\n');
    const first = await own.run(['--diff']);
    expect(first.code).toBe(0);
    expect(first.report.hosts.map(({ status }) => status)).toEqual(all.map(() => 'changed'));
    for (const { name, motd } of hosts) {
      expect(readFileSync(own.at(`remote/${name}.motd`), 'utf8')).toBe(`${motd}\n`);
      expect(readFileSync(own.at(`remote/${name}.rendered`), 'utf8')).toBe(`says "${motd}"\n`);
      expect(readFileSync(own.at(`remote/${name}.done`), 'utf8')).toBe(motd);
    }
    expect(first.stdout).not.toMatch(/[\u001B\u0007]/);
    const second = await own.run();
    expect([second.code, second.report.hosts.flatMap(({ changes }) => changes)]).toEqual([0, []]);
    expect(existsSync(canary())).toBe(false);
  });

  it('and on the way back', async () => {
    const host = await network.host();
    const motd = hostileTexts(canary())['double quote'] ?? '';
    const own = project(host, FREE_PLAYBOOK.replace(/\]\.flat/, ', broken("b")].flat'), { motd });
    own.write('templates/motd.hbs', '{{motd}}');
    own.write('remote/gw1.motd', `before ${motd}`);
    const run = await own.run();
    expect([run.code, run.report.hosts[0]?.status]).toEqual([2, 'reverted']);
    expect(readFileSync(own.at('remote/gw1.motd'), 'utf8')).toBe(`before ${motd}`);
    expect(existsSync(own.at('remote/gw1.done'))).toBe(false);
    expect(existsSync(canary())).toBe(false);
  });

  it('a NUL is refused by name, not cut off', async () => {
    const host = await network.host();
    const own = project(host, FREE_PLAYBOOK, { motd: 'x\u0000y' });
    own.write('templates/motd.hbs', '{{motd}}');
    const run = await own.run();
    expect([run.code, host.connections]).toEqual([5, 0]);
    expect(errorsIn(run.stderr)[0]?.message).toContain('NUL');
  });

  it('the gateway role reads a host with hostile variables beside its own, and its probe is inert', async () => {
    // The role must never change this machine: whatever is no probe is refused.
    const refuse = (_command: string, script: string) =>
      /^apply\(\) \{/m.test(script) ? { code: 1, stderr: 'no changes here' } : undefined;
    const host = await network.host({ answer: refuse });
    const gateway =
      "import { natGateway, play, playbook } from 'provision';\nexport default playbook('gateway', [play({ hosts: 'all', roles: [natGateway()] })]);\n";
    // How to reach it says the ssh_config of the project.
    const vars = Object.fromEntries(
      Object.entries(GATEWAY).filter(([key]) => !key.startsWith('ansible_') && key !== 'host_keys'),
    );
    const free = Object.fromEntries(texts().map(([, text], index) => [`free_${index}`, text]));
    // The role asserts the addresses of NICs: this one every machine has.
    const loopback = {
      nics: { lo: { address: '127.0.0.1/8' } },
      eips: { office: { ...GATEWAY.eips.office, private: '127.0.0.1' } },
      firewall: { zones: { public: { ...GATEWAY.firewall.zones.public, interfaces: ['lo'] } } },
    };
    const run = await project(host, gateway, { ...vars, ...loopback, ...free }).run(['--check', '--diff']);
    expect([run.code, host.execs]).toEqual([0, 1]);
    expect(run.stdout + run.stderr).not.toMatch(/[\u001B\u0007]/);
    expect(existsSync(canary())).toBe(false);
  });

  it('control: a text that is not quoted does touch the canary', async () => {
    const host = await network.host();
    const careless = playbookOf(
      "command({ name: 'careless', check: 'echo ' + vars.motd + '; false', run: 'true', undo: 'true' })",
    );
    for (const kind of ['backticks', 'command substitution', 'no blank', 'a pipe', 'line break']) {
      await project(host, careless, { motd: hostileTexts(canary())[kind] }).run(['--check']);
      expect({ kind, touched: existsSync(canary()) }).toEqual({ kind, touched: true });
      rmSync(canary());
    }
  });
});
