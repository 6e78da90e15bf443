import { selectHosts } from '../inventory/patterns.ts';
import { topologyOf } from '../inventory/topology/index.ts';
import type { Inventory } from '../model/host.ts';
import type { Topology } from '../model/topology.ts';
import { inventoryOf } from './load-inventory.ts';
import type { LoadFlags } from './load-inventory.ts';

export interface GraphFlags extends LoadFlags {
  readonly format: 'svg' | 'mermaid' | 'html';
}

/** The inventory with these hosts only; what their names lead to stays a name. */
function limited(inventory: Inventory, pattern: string | undefined): Inventory {
  if (pattern === undefined) return inventory;
  const names = new Set(selectHosts(inventory, pattern));
  return { ...inventory, hosts: new Map([...inventory.hosts].filter(([name]) => names.has(name))) };
}

async function drawn(topology: Topology, { format, inventory = [] }: GraphFlags): Promise<string> {
  if (format === 'mermaid') return (await import('../reporters/picture/mermaid.ts')).mermaidGraph(topology);
  if (format === 'html')
    return (await import('../reporters/html/page.ts')).htmlGraph(topology, inventory.join(', '));
  const [{ standaloneSvg }, { marksOf }] = await Promise.all([
    import('../reporters/picture/picture.ts'),
    import('../reporters/picture/marks.ts'),
  ]);
  return standaloneSvg(topology, marksOf(topology, null));
}

/** `provision inventory graph`: the picture of the HTML report, without a run. */
export async function graphInventory(flags: GraphFlags): Promise<number> {
  const inventory = limited(await inventoryOf(flags), flags.limit);
  process.stdout.write(await drawn(topologyOf(inventory), flags));
  return 0;
}
