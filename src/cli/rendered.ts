import path from 'node:path';
import type { Compiled } from '../engine/compile.ts';
import { ProblemList, problemsOf, ProvisionError } from '../model/error.ts';
import type { Host, Inventory } from '../model/host.ts';
import type { Facts, ProbeOutput, Resource } from '../model/resource.ts';

export interface RenderedFile {
  /** Absolute, as on the host. */
  readonly path: string;
  readonly text: string;
}

export interface RenderedHost {
  readonly name: string;
  /** A path once: what a later play says of it holds. */
  readonly files: readonly RenderedFile[];
}

/** What is assumed of a host that nobody asks: a new Debian, reached at the port of the inventory. */
export const assumedFacts = ({ name, connection }: Host): Facts => ({
  hostname: name,
  os: { id: 'debian', like: [], version: '12' },
  kernel: '',
  init: 'systemd',
  sshPort: connection.port ?? 22,
  sshClient: null,
  ssh: null,
  ipv6Route: false,
});

/**
 * What the probes of a host with nothing on it would print. Every kind of resource takes the first for "absent" (its
 * tool is missing); the second is for a file that shall be empty, which the first would already match.
 */
const NOTHING: readonly ProbeOutput[] = [
  { stdout: '', code: 127 },
  { stdout: 'absent\n', code: 0 },
];

/** The file behind a resource as it should be; null for kinds that have none and for one that must not exist. */
function fileOf(resource: Resource, facts: Facts): RenderedFile | null {
  for (const output of NOTHING) {
    const text = resource.plan(output, facts)?.text;
    if (text) return text.after === null ? null : { path: path.posix.normalize(text.path), text: text.after };
  }
  return null;
}

function unplanned(resource: Resource, host: string, error: unknown): readonly ProvisionError[] {
  const problems = problemsOf(error);
  if (problems.some((problem) => problem.code !== 'internal')) return problems;
  return problems.map(
    ({ message }) =>
      new ProvisionError('playbook', `${host}: ${resource.id} cannot be planned: ${message}`, {
        hint: 'Look at the functions that this resource was given.',
        cause: error,
      }),
  );
}

/**
 * The files that a run would write on each host, were nothing there. No secret is read for it: dots stand in their
 * places from now on. Throws a `ProblemList` of all problems.
 */
export function renderedHosts(compiled: Compiled, inventory: Inventory): RenderedHost[] {
  const problems: ProvisionError[] = [];
  for (const { resources } of compiled.plays)
    for (const declared of resources.values())
      for (const { secrets = [] } of declared) secrets.forEach((secret) => secret.hide());
  const hosts = compiled.hosts.map((name) => {
    const host = inventory.hosts.get(name);
    const files = new Map<string, RenderedFile>();
    const resources = compiled.plays.flatMap((play) => play.resources.get(name) ?? []);
    for (const resource of host ? resources : []) {
      try {
        const file = fileOf(resource, assumedFacts(host as Host));
        if (file) files.set(file.path, file);
      } catch (error) {
        problems.push(...unplanned(resource, name, error));
      }
    }
    return { name, files: [...files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
  });
  if (problems.length > 0) throw new ProblemList(problems);
  return hosts;
}
