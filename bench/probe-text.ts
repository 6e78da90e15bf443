import { load } from '../src/cli/load.ts';
import { probeScript } from '../src/engine/probe-script.ts';

/** The very script that a run of the playbook sends to a host to read it. */
export async function probeText(playbook: string, inventory: string, host: string): Promise<string> {
  const { compiled } = await load(playbook, { inventory: [inventory], extraVars: [] });
  const resources = compiled.plays.flatMap((play) => play.resources.get(host) ?? []);
  return probeScript(resources, [], 'bench', false);
}
