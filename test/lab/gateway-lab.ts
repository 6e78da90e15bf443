import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Report } from '../../src/model/report.ts';
import { release } from './release.ts';

const CLI = path.resolve('dist/cli/main.js');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the built command line as a user would; a non-zero exit is a result. What a test sets in its `process.env`, a copy
 * of jest's, reaches a child only when it is handed on.
 */
export const provision = (...argv: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [CLI, ...argv],
      { maxBuffer: 64 << 20, env: process.env },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      },
    );
  });

/** Starts the command line and lets go of it: for runs that a test interrupts. */
export const startProvision = (...argv: string[]): ChildProcess =>
  spawn(process.execPath, [CLI, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });

/** Its exit code (null when it was killed) and all it printed. */
export const endOf = (child: ChildProcess): Promise<{ code: number | null; output: string }> =>
  new Promise((resolve) => {
    let output = '';
    child.stdout?.on('data', (chunk) => (output += String(chunk)));
    child.stderr?.on('data', (chunk) => (output += String(chunk)));
    child.on('close', (code) => resolve({ code, output }));
  });

/** A lab of its own: a copy of an inventory, so that test files never share hosts. */
export interface GatewayLab {
  readonly inventory: string;
  /** Rewrites a file of the inventory. */
  edit(file: string, change: (text: string) => string): void;
  /** Runs the playbook of the lab; answers the report too. */
  run(...flags: string[]): Promise<Ended & { report: Report }>;
  /** Writes a playbook beside the inventory and answers its path. */
  playbook(name: string, text: string): string;
  /** The same for any playbook. */
  runPlaybook(playbook: string, ...flags: string[]): Promise<Ended & { report: Report }>;
  /** Runs a shell text as root inside a host; answers what it printed. Throws when it fails. */
  on(host: string, script: string): Promise<string>;
  reboot(host: string): Promise<void>;
  /** Packets that left a NIC with a source that is not its own. */
  wrongSource(): Promise<Record<string, number>>;
  down(): Promise<void>;
}

export async function gatewayLab(
  prepare: (lab: Pick<GatewayLab, 'edit'>) => void = () => undefined,
  source = 'inventory/lab',
  main = 'playbooks/gateway.ts',
): Promise<GatewayLab> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'provision-lab-test-'));
  const inventory = path.join(root, 'inventory');
  cpSync(source, inventory, { recursive: true });
  const edit: GatewayLab['edit'] = (file, change) => {
    const at = path.join(inventory, file);
    writeFileSync(at, change(readFileSync(at, 'utf8')));
  };
  prepare({ edit });
  const must = async (...argv: string[]): Promise<string> => {
    const ended = await provision(...argv);
    if (ended.code !== 0)
      throw new Error(`provision ${argv.join(' ')} ended ${ended.code}:\n${ended.stdout}${ended.stderr}`);
    return ended.stdout;
  };
  let reports = 0;
  const runPlaybook: GatewayLab['runPlaybook'] = async (playbook, ...flags) => {
    const file = path.join(root, `report-${(reports += 1)}.json`);
    const ended = await provision(playbook, '-i', inventory, '--report', file, ...flags);
    return { ...ended, report: JSON.parse(readFileSync(file, 'utf8')) as Report };
  };
  await must('lab', 'up', '--install', '-i', inventory);
  return {
    inventory,
    edit,
    playbook(name, text) {
      const file = path.join(root, `${name}.ts`);
      writeFileSync(file, text);
      return file;
    },
    run: (...flags) => runPlaybook(main, ...flags),
    runPlaybook,
    on: (host, script) => must('lab', 'exec', '-i', inventory, host, 'sh', '-c', script),
    reboot: async (host) => void (await must('lab', 'reboot', '-i', inventory, host)),
    async wrongSource() {
      const { labOf, labWrongSource } = await import('../../src/lab/index.ts');
      const { loadInventory } = await import('../../src/inventory/load.ts');
      const lab = await labOf(await loadInventory([inventory]));
      if (!lab) throw new Error('the lab is not up');
      return labWrongSource(lab);
    },
    async down() {
      await must('lab', 'down', '-i', inventory);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/**
 * What an administrator of Debian 13 does first: since firewalld 2 nothing is forwarded for NICs that no zone names.
 * Elsewhere they stay in the default zone only by default, as they come.
 */
export async function nameNics(lab: Pick<GatewayLab, 'on'>, host: string): Promise<void> {
  if (release !== 'debian-13') return;
  const name =
    '[ -e "/sys/class/net/$nic" ] && firewall-cmd -q --permanent --zone=public --add-interface="$nic"';
  await lab.on(host, `for nic in eth0 eth1; do ${name}; done; firewall-cmd -q --reload`);
}

/** `layer resource: field` of every change, sorted. */
export const changesOf = ({ hosts }: Report, name: string): string[] =>
  (hosts.find((host) => host.name === name)?.changes ?? [])
    .map(({ layer, resource, field }) => `${layer} ${resource}: ${field}`)
    .sort();

export const statusOf = ({ hosts }: Report, name: string): string =>
  hosts.find((host) => host.name === name)?.status ?? 'not in the report';

/** Everything a run may touch on a host, as independent tools see it: files, rules, zones, sysctls, units. */
export const SNAPSHOT = `
echo '## files'
find /etc -xdev ! -type d ! -name '*.dpkg-*' ! -name ld.so.cache -printf '%p %y %m %U %G %l\\n' 2>/dev/null | sort
find /etc -xdev -type f ! -name ld.so.cache -exec sha256sum {} + 2>/dev/null | awk '{print $2, $1}' | sort
echo '## firewalld'
nft -s list ruleset 2>/dev/null
iptables-save 2>/dev/null | sed -e '/^#/d' -e 's, \[[0-9:]*\]$,,'
firewall-cmd --list-all-zones 2>/dev/null; firewall-cmd --list-all-policies 2>/dev/null
echo '## net'
ip -4 -o addr; ip -4 rule; ip -4 route show table all
echo '## sysctl'
sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf\\..*\\.(send_redirects|rp_filter|forwarding))' | sort
echo '## unit'
systemctl list-unit-files --no-legend --no-pager --plain | awk '{print $1, $2}' | grep -v '^session-' | sort
systemctl list-units --no-legend --no-pager --plain --type=service --state=running | awk '{print $1}' | grep -v '^user@' | sort
true`;

const section = (snapshot: string, name: string): Set<string> => {
  const text = snapshot.split(`## ${name}\n`)[1] ?? '';
  return new Set((text.split('\n## ')[0] ?? '').split('\n'));
};

/** Words of the lines that stand in one snapshot only. */
const moved = (before: string, after: string, name: string): string[] => {
  const [a, b] = [section(before, name), section(after, name)];
  return [...a, ...b].filter((line) => a.has(line) !== b.has(line)).map((line) => line.split(' ')[0] ?? '');
};

const isWant = (path: string): boolean => /\.wants\/|dbus-org\./.test(path);

/** What differs between two snapshots, in a few words each: which files, sysctls, units, and whether firewalld's rules. */
export function touched(before: string, after: string): string[] {
  const files = moved(before, after, 'files');
  // Enabling a unit is a link below /etc; ip_forward moves every conf/*/forwarding with it.
  const sysctls = moved(before, after, 'sysctl').map((key) =>
    key.replace(/conf\..*\.forwarding$/, 'ip_forward'),
  );
  const found = [
    ...files.filter((path) => !isWant(path)).map((path) => `file ${path}`),
    ...sysctls.map((key) => `sysctl ${key}`),
    ...moved(before, after, 'unit')
      .filter((unit) => !unit.startsWith('dbus-org.'))
      .map((unit) => `unit ${unit}`),
    ...(moved(before, after, 'firewalld').length > 0 ? ['firewalld'] : []),
    ...(moved(before, after, 'net').length > 0 ? ['net'] : []),
  ];
  return [...new Set(found)].sort();
}

/** The same words for what a report predicts. */
export function predicted({ hosts }: Report, name: string): string[] {
  const changes = hosts.find((host) => host.name === name)?.changes ?? [];
  const words = changes.map(({ resource, layer, field }) => {
    const [kind = '', of = ''] = resource.split(':');
    if (kind === 'service') return `unit ${of}.service`;
    if (kind === 'sysctl')
      return layer === 'live' ? `sysctl ${field}` : `file /etc/sysctl.d/99-zz-provision-${of}.conf`;
    if (layer === 'live') return 'firewalld';
    return `file /etc/firewalld/${kind === 'firewalld-zone' ? 'zones' : 'policies'}/${of}.xml`;
  });
  return [...new Set(words)].sort();
}
