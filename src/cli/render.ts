import { coloursFor } from '../reporters/colour.ts';
import { load } from './load.ts';
import type { LoadFlags } from './load-inventory.ts';
import { renderDirectory } from './render-directory.ts';
import { renderedHosts } from './rendered.ts';
import { counted } from './table.ts';

export interface RenderFlags extends LoadFlags {
  readonly out: string;
}

/** `provision render`: writes what would be on each host to DIR/HOST/… and prints the names of the files. */
export async function render(playbook: string, flags: RenderFlags): Promise<number> {
  const { inventory, compiled } = await load(playbook, flags);
  const hosts = renderedHosts(compiled, inventory);
  const files = hosts.flatMap(({ name, files: own }) =>
    own.map((file) => ({ path: `${name}${file.path}`, text: file.text })),
  );
  const colours = coloursFor(process.stderr, process.env);
  compiled.warnings.forEach((text) => process.stderr.write(`${colours.yellow('warning')}: ${text}\n`));
  renderDirectory(flags.out, files).forEach((file) => process.stdout.write(`${file}\n`));
  process.stderr.write(`${counted(files.length, 'file')} for ${counted(hosts.length, 'host')}\n`);
  return 0;
}
