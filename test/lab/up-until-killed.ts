// Run by lab.test.ts in a process of its own, which it kills at different moments.
import { labUp } from '../../src/lab/index.ts';
import { release } from './release.ts';
import { smallInventory } from './small-inventory.ts';

await labUp(smallInventory(process.argv[2] ?? ''), { release, progress: (line) => console.log(line) });
