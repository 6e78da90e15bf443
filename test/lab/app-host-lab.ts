import { execFile } from 'node:child_process';
import { loadInventory } from '../../src/inventory/load.ts';
import { nicRoutes } from '../../src/lab/fabric-rules.ts';
import { labOf, labPlan } from '../../src/lab/index.ts';
import { labNames } from '../../src/lab/names.ts';
import { gatewayLab } from './gateway-lab.ts';
import type { Ended, GatewayLab } from './gateway-lab.ts';
import type { Report } from '../../src/model/report.ts';

export const OUTSIDE = '198.51.100.10';
/** The seed's table: a host with two NICs in one network, each with its public address. */
export const NICS = [
  { nic: 'eth0', address: '172.31.0.8', eip: '109.25.48.65' },
  { nic: 'eth1', address: '172.31.0.14', eip: '119.26.38.75' },
] as const;
export const PORT = 8090;
export const EIP_URLS = NICS.map(({ eip }) => `http://${eip}:${PORT}/`);

export interface AppHostLab extends GatewayLab {
  /** Runs playbooks/app-host.ts; answers the report too. */
  run(...flags: string[]): Promise<Ended & { report: Report }>;
  /** By URL how often each answer came, asked from a host's network. */
  requests(
    from: string,
    count: number,
    urls: readonly string[],
  ): Promise<Record<string, Record<string, number>>>;
  /** Wrong-source packets of app1's NICs since the last call. */
  wrongSince(): Promise<number>;
  /** Takes the cable of a NIC of app1 out, or puts it in again. */
  cable(nic: string, state: 'up' | 'down'): Promise<void>;
}

const AT_ONCE = 25;

const run = (command: string, ...argv: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(command, argv, { maxBuffer: 16 << 20 }, (error, stdout, stderr) =>
      error ? reject(new Error(`${command} ${argv.join(' ')}: ${stderr}`)) : resolve(stdout),
    );
  });

/** A lab of inventory/lab-app-host, with its own copy of that. */
export async function appHostLab(prepare?: (lab: Pick<GatewayLab, 'edit'>) => void): Promise<AppHostLab> {
  const base = await gatewayLab(prepare, 'inventory/lab-app-host');
  const inventory = await loadInventory([base.inventory]);
  const plan = labPlan(inventory);
  const lab = await labOf(inventory);
  if (!lab) throw new Error('the lab is not up');
  const names = labNames(lab.id);
  let counted = 0;
  return {
    ...base,
    run: (...flags) => base.runPlaybook('playbooks/app-host.ts', ...flags),
    async requests(from, count, urls) {
      const argv = ['test/lab/requests.mjs', String(count), String(AT_ONCE), ...urls];
      const printed = await run('ip', 'netns', 'exec', names.namespace(from), process.execPath, ...argv);
      return JSON.parse(printed) as Record<string, Record<string, number>>;
    },
    async wrongSince() {
      const all = await base.wrongSource();
      const now = Object.entries(all).reduce(
        (sum, [nic, count]) => sum + (nic.startsWith('app1/') ? count : 0),
        0,
      );
      const since = now - counted;
      counted = now;
      return since;
    },
    async cable(name, state) {
      const nic = lab.hosts
        .flatMap(({ nics }) => nics)
        .find((one) => one.host === 'app1' && one.name === name);
      if (!nic) throw new Error(`app1 has no ${name}`);
      await run('ip', '-n', names.fabric, 'link', 'set', names.link(nic.index), state);
      // The kernel takes the fabric's own routes to the NIC away with the link.
      const routes = nicRoutes(plan, nic, names).filter((line) => line.startsWith('route add '));
      for (const line of state === 'up' ? routes : [])
        await run('ip', '-n', names.fabric, ...line.replace('route add', 'route replace').split(' '));
    },
  };
}
