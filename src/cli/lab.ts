import { Command, Option } from 'commander';
import type { Inventory } from '../model/host.ts';
import { ProvisionError } from '../model/error.ts';
import { RELEASES } from '../lab/image-spec.ts';
import type { Release } from '../lab/image-spec.ts';
import type { Lab } from '../lab/index.ts';

interface LabOptions {
  readonly inventory: readonly string[];
  readonly install?: boolean;
  readonly release?: Release;
}

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (text: string): void => void process.stdout.write(text);
const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];

// Loaded when needed: `provision --help` must not wait for YAML, zod and zx.
const loadLab = () => import('../lab/index.ts');
async function inventoryOf(options: LabOptions): Promise<Inventory> {
  const { loadInventory } = await import('../inventory/load.ts');
  const { keyringOf } = await import('./keyring.ts');
  return loadInventory([...options.inventory], { keyring: keyringOf({}) });
}

async function runningLab(options: LabOptions): Promise<Lab> {
  const { labOf } = await loadLab();
  const lab = await labOf(await inventoryOf(options));
  if (lab !== null) return lab;
  throw new ProvisionError('lab-not-up', 'the lab of this inventory is not up', {
    hint: `Type: sudo npx provision lab up -i ${options.inventory.join(' -i ')}`,
  });
}

async function up(options: LabOptions): Promise<void> {
  const { labUp } = await loadLab();
  const started = Date.now();
  const lab = await labUp(await inventoryOf(options), {
    install: options.install ?? false,
    ...(options.release === undefined ? {} : { release: options.release }),
    progress,
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  progress(lab.wasUp ? 'the lab is already up' : `the lab is up (${lab.hosts.length} hosts, ${seconds} s)`);
  print(
    `ssh -F ${lab.sshConfig} ${lab.hosts.find((host) => host.role !== 'probe')?.name ?? lab.hosts[0]?.name}\n`,
  );
}

async function status(options: LabOptions): Promise<void> {
  const { labStatus } = await loadLab();
  const found = labStatus(await inventoryOf(options));
  if (found === null) return print('down\n');
  print(`${found.phase} ${found.id}\n`);
  for (const host of found.hosts)
    print(
      `${host.name}\t${host.address}\t${host.image}\t${host.running ? 'running' : 'off'}\t${host.memory ?? '-'} MB\n`,
    );
}

async function exec(name: string, argv: readonly string[], options: LabOptions): Promise<void> {
  const { labShell } = await loadLab();
  // Options of the command are its own from the host's name on, and so is the `--` before it.
  const command = argv[0] === '--' ? argv.slice(1) : argv;
  process.exitCode = await labShell(await runningLab(options), name, command);
}

async function shell(name: string, options: LabOptions): Promise<void> {
  const { labShell } = await loadLab();
  process.exitCode = await labShell(await runningLab(options), name);
}

async function reboot(name: string, options: LabOptions): Promise<void> {
  const { labReboot } = await loadLab();
  await labReboot(await runningLab(options), name);
  progress(`${name} is back`);
}

async function down(options: LabOptions): Promise<void> {
  const { labDown } = await loadLab();
  progress(
    (await labDown(await inventoryOf(options))) ? 'the lab is down' : 'there is no lab of this inventory',
  );
}

async function prune({ all = false }: { readonly all?: boolean }): Promise<void> {
  const { labDown, orphanedLabs, pruneImages, requireRoot } = await loadLab();
  requireRoot();
  for (const id of orphanedLabs()) {
    await labDown(id);
    print(`removed lab ${id}, whose inventory is gone\n`);
  }
  const { removed, inUse } = await pruneImages({ all });
  for (const name of removed) print(`removed image ${name}\n`);
  for (const name of inUse) print(`kept image ${name}: a running host stands on it\n`);
  if (removed.length === 0) progress('no image to remove');
}

/** What hosts are built of that do not say it by `lab.release`. */
export const releaseOption = (): Option =>
  new Option('--release <name>', 'what hosts are built of that do not say so')
    .choices(RELEASES)
    .env('PROVISION_LAB_RELEASE');

/** `provision lab …`: an inventory as real hosts on this machine. */
export function labCommand(): Command {
  const lab = new Command('lab')
    .description('build an inventory as real systemd hosts on this Linux machine')
    .enablePositionalOptions();
  const verb = (name: string, description: string): Command =>
    lab
      .command(name)
      .description(description)
      .requiredOption('-i, --inventory <source>', 'inventory file or directory; repeatable', collect);

  verb('up', 'build it, or find it up')
    .option('--install', 'install the packages that this machine lacks')
    .addOption(releaseOption())
    .action(up);
  verb('status', 'what is there of it').action(status);
  verb('exec', 'run a command as root inside a host')
    .argument('<host>')
    .argument('<command...>')
    .passThroughOptions()
    .action(exec);
  verb('shell', 'a root shell inside a host').argument('<host>').action(shell);
  verb('reboot', 'power a host off and boot it again').argument('<host>').action(reboot);
  verb('down', 'remove it, and everything it made but the image cache').action(down);
  lab
    .command('prune')
    .description('remove images that nothing makes any more, and labs whose inventory is gone')
    .option('--all', 'the present images too', false)
    .action(prune);
  return lab;
}
