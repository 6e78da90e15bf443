import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { writeSshSetup } from '../test/fakehost/ssh-setup.ts';
import { plot } from './plot.ts';
import type { Line } from './plot.ts';
import { soundHost } from './sound-host.ts';
import { median, timed } from './timed.ts';
import type { Timing } from './timed.ts';

// How time and memory of the controller grow: `npm run bench:growth`. No lab, no root. Prints Markdown, and
// draws docs/pictures/growth.svg when asked to: `npm run bench:growth -- --plot`.

const ROUNDS = 3;
const CLI = path.resolve('dist/cli/main.js');
const directory = mkdtempSync(path.join(os.tmpdir(), 'provision-growth-'));
const server = await soundHost();
const setup = writeSshSetup({ server });
const write = (name: string, value: unknown): string => {
  const file = path.join(directory, name);
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
};

const commands = write(
  'commands.ts',
  `import { command, play, playbook } from 'provision';
const resources = Array.from({ length: 8 }, (_none, index) =>
  command({ name: 'part' + index, check: 'test -e /' + index, run: 'true', undo: 'true' }));
const role = { name: 'own', build: () => ({ resources }) };
export default playbook('growth', [play({ hosts: 'all', roles: [role] })]);
`,
);

const crowd = (count: number, asYaml = false): string => {
  const names = Array.from({ length: count }, (_none, index) => `h${index + 1}`);
  const hosts = Object.fromEntries(names.map((name) => [name, { ansible_host: 'server' }]));
  const inventory = { all: { vars: { ansible_become: false }, hosts } };
  return write(`crowd-${count}.yml`, asYaml ? stringify(inventory) : inventory);
};

const run = (playbook: string, inventory: string, ...words: string[]): Promise<Timing> =>
  timed([process.execPath, CLI, playbook, '-i', inventory, '-F', setup.configFile, ...words]);

interface Row {
  readonly seconds: number;
  readonly cpu: number;
  readonly rssMb: number;
}

async function medians(once: () => Promise<Row>): Promise<Row> {
  const all: Row[] = [];
  for (let round = 0; round < ROUNDS; round += 1) all.push(await once());
  const of = (key: keyof Row): number => median(all.map((each) => each[key]));
  return { seconds: of('seconds'), cpu: of('cpu'), rssMb: of('rssMb') };
}

/** What is drawn: seconds and memory by size. */
const seconds: Line[] = [];
const memory: Line[] = [];
function draw(name: string, rows: readonly (readonly [number, Row])[]): void {
  seconds.push({ name, points: rows.map(([size, row]) => [size, row.seconds]) });
  memory.push({ name, points: rows.map(([size, row]) => [size, row.rssMb]) });
}

const print = (...cells: (string | number)[]): void =>
  void process.stdout.write(`| ${cells.join(' | ')} |\n`);

async function hosts(): Promise<void> {
  print('Hosts', 'Seconds', 'Milliseconds a host', 'CPU, s', 'CPU ms a host', 'Peak RSS, MB');
  print('---', '---', '---', '---', '---', '---');
  const rows: [number, Row][] = [];
  for (const count of [1, 10, 100, 500]) {
    const inventory = crowd(count);
    const before = server.connections;
    const row = await medians(() => run(commands, inventory));
    if (server.connections - before !== count * ROUNDS) throw new Error('not one connection a host');
    const each = (value: number): string => ((value * 1000) / count).toFixed(1);
    print(
      count,
      row.seconds.toFixed(2),
      each(row.seconds),
      row.cpu.toFixed(2),
      each(row.cpu),
      row.rssMb.toFixed(0),
    );
    rows.push([count, row]);
  }
  draw('hosts', rows);
}

/** Loads, checks and compiles a host whose size is so many of something; nothing is contacted. */
async function compiled(
  name: string,
  playbook: string,
  sizes: readonly number[],
  inventoryOf: (count: number) => unknown,
): Promise<void> {
  print(name, 'Seconds', 'CPU, s', 'Peak RSS, MB');
  print('---', '---', '---', '---');
  const rows: [number, Row][] = [];
  for (const count of sizes) {
    const inventory = write('compiled.yml', inventoryOf(count));
    const row = await medians(() => run(path.resolve(playbook), inventory, '--syntax-check'));
    print(count, row.seconds.toFixed(2), row.cpu.toFixed(2), row.rssMb.toFixed(0));
    rows.push([count, row]);
  }
  const most = sizes.at(-1) ?? 0;
  const row = await medians(() =>
    run(path.resolve(playbook), write('compiled.yml', stringify(inventoryOf(most))), '--syntax-check'),
  );
  print(`${most}, as YAML`, row.seconds.toFixed(2), row.cpu.toFixed(2), row.rssMb.toFixed(0));
  draw(name.replace('Backends', 'backends'), rows);
}

const vpc = { networks: { 'vpc-a': { cidr: '172.31.0.0/16', gateway: '172.31.0.1' } } };
const machine = {
  ansible_host: '172.31.0.2',
  nics: { eth0: { network: 'vpc-a', address: '172.31.0.2/16' } },
  eips: { office: { public: '203.0.113.10', private: '172.31.0.2' } },
};

const entries = (): Promise<void> =>
  compiled('DNAT entries', 'playbooks/gateway.ts', [1, 500, 1000, 5000], (count) => {
    const dnat = Array.from({ length: count }, (_none, index) => ({
      ...{ name: `e${index}`, eip: 'office', port: 10_000 + index, protocol: 'tcp+udp' },
      ...{ to: '172.31.0.21', to_port: 80 },
    }));
    const gw1 = { ...machine, nat: { engine: 'nftables', masquerade: ['172.31.0.16/28'], dnat } };
    return { all: { vars: vpc, children: { 'nat-gateway': { hosts: { gw1 } } } } };
  });

const backends = (): Promise<void> =>
  compiled('Backends', 'playbooks/load-balancer.ts', [1, 100, 1000], (count) => {
    const servers = Array.from({ length: count }, (_none, index) => ({
      address: `172.31.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`,
      port: 8080,
    }));
    const listener = { name: 'web', address: '172.31.0.2', port: 80, backends: servers };
    const lb1 = { ...machine, load_balancer: { engine: 'nftables' }, listeners: [listener] };
    return { all: { vars: vpc, children: { 'load-balancer': { hosts: { lb1 } } } } };
  });

/** From the start of the process to the first connection, with one host of many chosen by -l. */
async function oneOfMany(): Promise<void> {
  print('Hosts in the inventory', 'Seconds to the first connection', 'Seconds', 'Peak RSS, MB');
  print('---', '---', '---', '---');
  const rows: [number, Row][] = [];
  for (const [count, asYaml] of [[10], [1000], [10_000], [10_000, true]] as const) {
    const inventory = crowd(count, asYaml);
    const firsts: number[] = [];
    const row = await medians(async () => {
      const [started, before] = [performance.now(), server.connections];
      const watch = setInterval(() => {
        if (server.connections === before) return;
        firsts.push((performance.now() - started) / 1000);
        clearInterval(watch);
      }, 2);
      return run(commands, inventory, '-l', 'h7');
    });
    const size = asYaml ? `${count}, as YAML` : count;
    print(size, median(firsts).toFixed(2), row.seconds.toFixed(2), row.rssMb.toFixed(0));
    if (!asYaml) rows.push([count, row]);
  }
  draw('hosts, -l one', rows);
}

try {
  for (const part of [hosts, entries, backends, oneOfMany]) {
    await part();
    process.stdout.write(`\n`);
  }
  const panels = [
    { title: 'Time', unit: 'seconds', lines: seconds },
    { title: 'Memory', unit: 'MB', lines: memory },
  ];
  if (process.argv.includes('--plot')) writeFileSync('docs/pictures/growth.svg', plot(panels));
  const load = os.loadavg().map((value) => value.toFixed(1));
  process.stdout.write(`Load average at the end: ${load.join(' ')}. Node ${process.version}.\n`);
} finally {
  await server.close();
  setup.remove();
  rmSync(directory, { recursive: true });
}
