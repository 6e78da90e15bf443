import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Report } from '../../src/model/report.ts';

const CLI = path.resolve('dist/cli/main.js');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as a user would; a non-zero exit is a result. */
export const provision = (...argv: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...argv], { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });

/** A lab of its own: a copy of inventory/lab, so that test files never share hosts. */
export interface GatewayLab {
  readonly inventory: string;
  /** Rewrites a file of the inventory. */
  edit(file: string, change: (text: string) => string): void;
  /** Runs playbooks/gateway.ts; answers the report too. */
  run(...flags: string[]): Promise<Ended & { report: Report }>;
  /** Runs a shell text as root inside a host; answers what it printed. Throws when it fails. */
  on(host: string, script: string): Promise<string>;
  reboot(host: string): Promise<void>;
  /** Packets that left a NIC with a source that is not its own. */
  wrongSource(): Promise<Record<string, number>>;
  down(): Promise<void>;
}

export async function gatewayLab(prepare: (lab: Pick<GatewayLab, 'edit'>) => void = () => undefined): Promise<GatewayLab> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'provision-lab-test-'));
  const inventory = path.join(root, 'inventory');
  cpSync('inventory/lab', inventory, { recursive: true });
  const edit: GatewayLab['edit'] = (file, change) => {
    const at = path.join(inventory, file);
    writeFileSync(at, change(readFileSync(at, 'utf8')));
  };
  prepare({ edit });
  const must = async (...argv: string[]): Promise<string> => {
    const ended = await provision(...argv);
    if (ended.code !== 0) throw new Error(`provision ${argv.join(' ')} ended ${ended.code}:\n${ended.stdout}${ended.stderr}`);
    return ended.stdout;
  };
  await must('lab', 'up', '--install', '-i', inventory);
  return {
    inventory,
    edit,
    async run(...flags) {
      const file = path.join(root, 'report.json');
      const ended = await provision('playbooks/gateway.ts', '-i', inventory, '--report', file, ...flags);
      return { ...ended, report: JSON.parse(readFileSync(file, 'utf8')) as Report };
    },
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

/** `layer resource: field` of every change, sorted. */
export const changesOf = ({ hosts }: Report, name: string): string[] =>
  (hosts.find((host) => host.name === name)?.changes ?? []).map(({ layer, resource, field }) => `${layer} ${resource}: ${field}`).sort();

export const statusOf = ({ hosts }: Report, name: string): string => hosts.find((host) => host.name === name)?.status ?? 'not in the report';

/** Everything a run may touch on a host, as independent tools see it: files, rules, zones, sysctls, units. */
export const SNAPSHOT = `
find /etc /var/lib/provision -xdev ! -name '*.dpkg-*' ! -name ld.so.cache -printf '%p %y %m %U %G %l\\n' 2>/dev/null | sort
find /etc -xdev -type f ! -name ld.so.cache -exec sha256sum {} + 2>/dev/null | sort -k2
nft -s list ruleset 2>/dev/null | sed 's/ # handle.*//'
iptables-save 2>/dev/null | grep -v '^#'
ip -4 -o addr; ip -4 rule; ip -4 route show table all
firewall-cmd --list-all-zones 2>/dev/null; firewall-cmd --list-all-policies 2>/dev/null
firewall-cmd --permanent --list-all-zones 2>/dev/null; firewall-cmd --permanent --list-all-policies 2>/dev/null
sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf\\..*\\.(send_redirects|rp_filter|forwarding))' | sort
systemctl list-unit-files --no-legend --no-pager | sort
systemctl list-units --no-legend --no-pager --plain --type=service --state=running | awk '{print $1}' | sort
true`;
