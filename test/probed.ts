import { execFileSync } from 'node:child_process';
import { parseProbe, probeScript } from '../src/engine/probe-script.ts';
import type { ProbeOutput, Resource } from '../src/model/resource.ts';

const NONCE = '0123456789abcdef';

/** The script that a host is read with for these resources. */
export const scriptFor = (...resources: readonly Resource[]): string =>
  probeScript(resources, [], NONCE, false);

/** What the probe of each hears on this machine. */
export function heard(
  resources: readonly Resource[],
  { shell = 'dash', env = {} }: { readonly shell?: string; readonly env?: Record<string, string> } = {},
): readonly ProbeOutput[] {
  const said = execFileSync(shell, ['-s'], {
    input: scriptFor(...resources),
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const { outputs } = parseProbe(said, resources, [], NONCE);
  return resources.map(({ id }) => outputs.get(id) ?? { stdout: '', code: -1 });
}
