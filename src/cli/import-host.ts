import { newNonce } from '../engine/frame.ts';
import { runScript } from '../engine/remote-shell.ts';
import { importHost } from '../inventory/import/host.ts';
import { parseReading, READ_HOST } from '../inventory/import/host-reading.ts';
import { hostYaml } from '../inventory/import/host-yaml.ts';
import { ProvisionError } from '../model/error.ts';
import type { Session, Target } from '../model/transport.ts';
import { coloursFor } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';
import { problemLines } from '../reporters/problem.ts';
import { contactHosts } from './contact.ts';
import type { Answer, ContactFlags } from './contact.ts';
import { inventoryOf } from './load-inventory.ts';

export type ImportHostFlags = Omit<ContactFlags, 'limit' | 'forks' | 'json'>;

const TIMEOUT_MS = 120_000;

async function read(session: Session, target: Target): Promise<string> {
  const nonce = newNonce();
  const { stdout } = await runScript(session, target, `echo '@@${nonce} begin'\n${READ_HOST}`, nonce, {
    timeoutMs: TIMEOUT_MS,
  });
  return stdout;
}

/** `provision import host NAME`: its variables on stdout, what they could not say on stderr. Reads only. */
export async function importFromHost(name: string, flags: ImportHostFlags): Promise<number> {
  const inventory = await inventoryOf(flags);
  const host = inventory.hosts.get(name);
  if (!host)
    throw new ProvisionError('usage', `The inventory has no host ${printable(name)}.`, {
      hint: 'Name one of its hosts; it needs no more than ansible_host there. `provision inventory list -i INVENTORY` prints them.',
    });
  const colours = coloursFor(process.stderr, process.env);
  const tell = ({ value, error }: Answer<string>): void => {
    if (error) problemLines(error, colours).forEach((line) => process.stderr.write(`${line}\n`));
    if (value === undefined) return;
    const imported = importHost(parseReading(value), host);
    process.stdout.write(hostYaml(imported));
    imported.notes.forEach((note) => process.stderr.write(`${colours.yellow('note')}: ${printable(note)}\n`));
  };
  return contactHosts({ ...flags, limit: name, forks: 1, json: false }, read, tell, inventory);
}
