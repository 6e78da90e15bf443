import { readFileSync, statSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { importAliyunNat } from '../inventory/import/aliyun-nat.ts';
import { readAliyunResponses } from '../inventory/import/aliyun-responses.ts';
import type { NamedText } from '../inventory/import/aliyun-responses.ts';
import { importedYaml } from '../inventory/import/imported-gateway.ts';
import { ProvisionError } from '../model/error.ts';
import { parseCidr } from '../model/ipv4.ts';
import { coloursFor } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';

export interface ImportFlags {
  readonly host?: string;
  readonly gateway?: string;
  readonly map: readonly string[];
}

const LARGEST_BYTES = 10 * 1024 * 1024;

/** Throws `inventory`. */
function readText(file: string): NamedText {
  const refuse = (why: string): never => {
    throw new ProvisionError('inventory', why, {
      hint: 'Name files that hold what `aliyun vpc Describe…` printed.',
      place: { file },
    });
  };
  try {
    if (statSync(file).size > LARGEST_BYTES) refuse('this file is larger than 10 MiB');
    return { file, text: readFileSync(file, 'utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    return refuse(`this file cannot be read (${code})`);
  }
}

/** `203.0.113.10=172.31.0.2/24` of each --map. Throws `usage`. */
function mapOf(texts: readonly string[]): Map<string, string> {
  return new Map(
    texts.map((text) => {
      const [eip = '', own = ''] = text.split('=', 2);
      if (isIPv4(eip) && (isIPv4(own) || parseCidr(own) !== null)) return [eip, own];
      throw new ProvisionError('usage', `--map ${text} is no pair of addresses.`, {
        hint: 'Write it as --map 203.0.113.10=172.31.0.2/24: the EIP, and the address of the NIC behind it.',
      });
    }),
  );
}

/** A name that both a file of host_vars and an inventory can have. Throws `usage`. */
function hostName(name: string | undefined): string | undefined {
  if (name === undefined || /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/.test(name)) return name;
  throw new ProvisionError('usage', `--host ${name} is no name for a host.`, {
    hint: 'Use letters, digits, "_", "." and "-".',
  });
}

/** `provision import aliyun-nat`: the inventory on stdout, what it could not say on stderr. */
export function importAliyun(files: readonly string[], flags: ImportFlags): number {
  const host = hostName(flags.host);
  const map = mapOf(flags.map);
  const gateway = importAliyunNat(readAliyunResponses(files.map(readText)), { gateway: flags.gateway, map });
  process.stdout.write(importedYaml(gateway, host));
  const colours = coloursFor(process.stderr, process.env);
  gateway.notes.forEach((note) => process.stderr.write(`${colours.yellow('note')}: ${printable(note)}\n`));
  return 0;
}
