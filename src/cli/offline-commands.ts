import { Argument } from 'commander';
import type { Command } from 'commander';
import { typedWords } from './completion-words.ts';
import * as flag from './flags.ts';
import { examples } from './help.ts';
import { addImportHostCommand } from './host-commands.ts';
import type { ImportFlags } from './import.ts';
import type { InventoryFlags } from './inventory.ts';
import type { GraphFlags } from './inventory-graph.ts';
import type { LoadFlags } from './load-inventory.ts';
import type { RenderFlags } from './render.ts';
import type { MergeFlags } from './report.ts';

export function addInitCommand(root: Command): void {
  root
    .command('init')
    .argument('<dir>')
    .usage('DIR')
    .summary('start a project that can be rehearsed at once')
    .description(
      'Writes a new project into DIR, which must be empty or not exist: a small inventory, a playbook, and what an editor needs to complete both.',
    )
    .addHelpText('after', examples('provision init gateways'))
    .action(async (directory: string) => {
      const { initProject } = await import('./init.ts');
      process.exitCode = await initProject(directory);
    });
}

export function addValidateCommand(root: Command): void {
  const command = root
    .command('validate')
    .argument('[playbook]')
    .usage('[PLAYBOOK] -i INVENTORY [flags]')
    .summary('look for mistakes in an inventory and a playbook')
    .description(
      'Checks the inventory and, with a playbook, everything that a run would compile and render. Ends 5 with every mistake that was found.',
    )
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .addOption(flag.limitOption())
    .addOption(flag.templatesOption());
  flag
    .withSecrets(command)
    .addHelpText('after', examples('provision validate playbooks/gateway.ts -i inventory/prod'))
    .action(async (playbook: string | undefined, flags: LoadFlags) => {
      const { validate } = await import('./validate.ts');
      process.exitCode = await validate(playbook, flags);
    });
}

export function addRenderCommand(root: Command): void {
  const command = root
    .command('render')
    .argument('<playbook>')
    .usage('PLAYBOOK -i INVENTORY --out DIR [flags]')
    .summary('write the files that would be on each host')
    .description(
      'Writes DIR/HOST/etc/… as a run would write it on a new Debian host that SSH reaches at ansible_port. Only what an earlier render left in DIR is replaced.',
    )
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .requiredOption('--out <dir>', 'where to: new, empty, or made by render')
    .addOption(flag.limitOption())
    .addOption(flag.templatesOption());
  flag
    .withSecrets(command)
    .addHelpText('after', examples('provision render playbooks/gateway.ts -i inventory/prod --out rendered'))
    .action(async (playbook: string, flags: RenderFlags) => {
      const { render } = await import('./render.ts');
      process.exitCode = await render(playbook, flags);
    });
}

export function addInventoryCommand(root: Command): void {
  const inventory = root
    .command('inventory')
    .usage('list|host|blame|graph -i INVENTORY')
    .summary('show hosts, their variables, where a value is from')
    .description('Shows what an inventory says.')
    .addHelpText(
      'after',
      examples('provision inventory list -i inventory/prod', [
        'provision inventory blame gw1.nat -i inventory/prod',
      ]),
    );
  const list = inventory
    .command('list')
    .usage('-i INVENTORY [flags]')
    .description('Lists hosts with their addresses and groups.')
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .addOption(flag.limitOption())
    .addOption(flag.jsonOption());
  flag
    .withSecrets(list)
    .addHelpText('after', examples('provision inventory list -i inventory/prod --json'))
    .action(async (flags: InventoryFlags) => {
      const { listInventory } = await import('./inventory.ts');
      process.exitCode = await listInventory(flags);
    });
  const host = inventory
    .command('host')
    .argument('<name>')
    .usage('NAME -i INVENTORY [flags]')
    .description('Prints the merged variables of a host as YAML.')
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .addOption(flag.jsonOption());
  flag
    .withSecrets(host)
    .addHelpText('after', examples('provision inventory host gw1 -i inventory/prod'))
    .action(async (name: string, flags: InventoryFlags) => {
      const { showHost } = await import('./inventory.ts');
      process.exitCode = await showHost(name, flags);
    });
  const blamed = inventory
    .command('blame')
    .argument('[name]')
    .usage('[NAME[.PATH]] -i INVENTORY [flags]')
    .description(
      'Tells where each value of a host was written: FILE:LINE:COLUMN. Without a name, of all hosts.',
    )
    .addOption(flag.inventoryOption())
    .addOption(flag.extraVarsOption())
    .addOption(flag.jsonOption());
  flag
    .withSecrets(blamed)
    .addHelpText('after', examples('provision inventory blame gw1.nat.dnat[0] -i inventory/prod'))
    .action(async (name: string | undefined, flags: InventoryFlags) => {
      const { blame } = await import('./inventory-blame.ts');
      process.exitCode = await blame(name, flags);
    });
  inventory
    .command('graph')
    .usage('-i INVENTORY [flags]')
    .description('Draws the network of an inventory, as a report draws it.')
    .addOption(flag.inventoryOption())
    .addOption(flag.limitOption())
    .addOption(flag.extraVarsOption())
    .addOption(flag.graphFormatOption())
    .addHelpText('after', examples('provision inventory graph -i inventory/prod --format html > prod.html'))
    .action(async (flags: GraphFlags) => {
      const { graphInventory } = await import('./inventory-graph.ts');
      process.exitCode = await graphInventory(flags);
    });
}

export function addImportCommand(root: Command): void {
  const command = root
    .command('import')
    .usage('host NAME | aliyun-nat FILE… [flags]')
    .summary("make an inventory of a hand-made host, or of a cloud's NAT gateway")
    .description('Makes variables of an inventory out of what there is already.')
    .addHelpText(
      'after',
      examples('provision import host gw1 -i inventory/prod > gw1.yml', [
        'provision import aliyun-nat nat/*.json --host gw1 > hosts.yml',
      ]),
    );
  addImportHostCommand(command);
  command
    .command('aliyun-nat')
    .argument('<file...>')
    .usage('FILE… [flags]')
    .description(
      'Reads JSON as the Describe calls of Alibaba Cloud print it, from files in any order, and prints the variables of one gateway as YAML. What it cannot say stands in comments and on stderr.',
    )
    .option('--host <name>', 'print a whole inventory with this host')
    .option('--gateway <id>', 'the NAT gateway, where the files name several')
    .option('--map <eip=address>', 'the NIC address behind an EIP; repeatable', flag.collect, [])
    .addHelpText(
      'after',
      examples('provision import aliyun-nat nat/*.json > inventory/prod/host_vars/gw1.yml', [
        'provision import aliyun-nat nat/*.json --map 203.0.113.10=172.31.0.2/24',
      ]),
    )
    .action(async (files: string[], flags: ImportFlags) => {
      const { importAliyun } = await import('./import.ts');
      process.exitCode = importAliyun(files, flags);
    });
}

export function addReportCommand(root: Command): void {
  root
    .command('report')
    .usage('merge FILE… [flags]')
    .summary('merge the reports of shards')
    .description('Works on reports that runs have written.')
    .addHelpText('after', examples('provision report merge shard-*.json --report report.json'))
    .command('merge')
    .argument('<file...>')
    .usage('FILE… [flags]')
    .description(
      'Makes one report of those of all shards of a run, or of runs on different hosts, and ends as one run over all hosts would have. Hosts of a shard without a report are unknown.',
    )
    .option('--report <file>', 'write it there, not to stdout; repeatable', flag.collect, [])
    .addHelpText('after', examples('provision report merge shard-*.json --report report.json'))
    .action(async (files: string[], flags: MergeFlags) => {
      const { mergeReportFiles } = await import('./report.ts');
      process.exitCode = await mergeReportFiles(files, flags);
    });
}

export function addCompletionCommand(root: Command): void {
  root
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that reads it').choices(['bash', 'zsh']))
    .usage('bash|zsh')
    .summary('print the script that completes words in a shell')
    .description('Prints a script that lets a shell complete commands, flags and files.')
    .addHelpText(
      'after',
      examples('source <(provision completion bash)          # in ~/.bashrc', [
        'provision completion zsh > ~/.zfunc/_provision   # a directory of $fpath',
      ]),
    )
    .action(async (shell: string) => {
      const { completionScript } =
        shell === 'zsh' ? await import('./completion-zsh.ts') : await import('./completion-bash.ts');
      process.stdout.write(completionScript(typedWords(root)));
    });
}
