import { readFileSync } from 'node:fs';
import { ProvisionError } from '../model/error.ts';
import type { Inventory } from '../model/host.ts';
import { causeMessage } from './cause.ts';
import { didYouMean } from './did-you-mean.ts';

/**
 * The hosts, in inventory order, that a pattern of a play's `hosts:` or of `-l` selects: names, groups (`-` and `_`
 * are equal in them), globs (`*`, `?`, `[abc]`), separated by commas or colons; `!x` takes hosts out, `&x` keeps only
 * those also in x, `@FILE` reads one pattern a line. As in Ansible, the order of the parts does not matter.
 * Throws a ProvisionError `no-hosts-matched` for a part, or a whole, that selects nothing.
 */
export function selectHosts(inventory: Inventory, pattern: string): string[] {
  const parts = splitPattern(pattern).flatMap((part) =>
    part.startsWith('@') ? readParts(part.slice(1)) : [part],
  );
  const of = (sign: '!' | '&' | ''): string[] =>
    parts.filter((part) => signOf(part) === sign).map((part) => part.slice(sign.length));
  const match = (token: string): Set<string> => matchToken(inventory, token);

  const included = of('').map(match);
  const wanted =
    included.length > 0 ? new Set(included.flatMap((set) => [...set])) : new Set(inventory.hosts.keys());
  const kept = of('&').map(match);
  const dropped = of('!').map(match);
  const selected = [...inventory.hosts.keys()].filter(
    (name) => wanted.has(name) && kept.every((set) => set.has(name)) && !dropped.some((set) => set.has(name)),
  );
  if (parts.length === 0 || selected.length === 0)
    throw nothing(`no host matches ${JSON.stringify(pattern)}`, inventory, pattern);
  return selected;
}

const signOf = (part: string): '!' | '&' | '' =>
  part.startsWith('!') ? '!' : part.startsWith('&') ? '&' : '';

// A colon or a comma inside [...] belongs to the glob.
const splitPattern = (pattern: string): string[] =>
  (pattern.match(/(?:\[[^\]]*\]|[^,:[])+|\[/g) ?? [])
    .map((part) => part.trim())
    .filter((part) => part !== '');

function readParts(file: string): string[] {
  try {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim());
    return lines.filter((line) => line !== '' && !line.startsWith('#')).flatMap(splitPattern);
  } catch (cause) {
    throw new ProvisionError('usage', `cannot read the host list ${file}: ${causeMessage(cause)}`, {
      hint: 'Name a file with one pattern a line after "@".',
      cause,
    });
  }
}

/** `nat-gateway` and `nat_gateway` are one role. */
const alike = (name: string): string => name.replaceAll('-', '_');

function matchToken(inventory: Inventory, token: string): Set<string> {
  if (token === 'all' || token === '*') return new Set(inventory.hosts.keys());
  if (token.startsWith('~')) {
    throw new ProvisionError('usage', `regular expressions (${token}) are not supported in patterns`, {
      hint: 'Use globs: web*, db-[ab].',
    });
  }
  const glob = /[*?[]/.test(token) ? globExpression(token) : undefined;
  const matches = (name: string): boolean => (glob ? glob.test(name) : name === token);
  const isGroup = (name: string): boolean => matches(name) || (!glob && alike(name) === alike(token));
  const groups = [...inventory.groups].filter(([name]) => isGroup(name));
  const hosts = [...inventory.hosts.keys()].filter(matches);
  if (groups.length === 0 && hosts.length === 0)
    throw nothing(`no host or group matches ${JSON.stringify(token)}`, inventory, token);
  return new Set([...hosts, ...groups.flatMap(([, members]) => members)]);
}

function globExpression(glob: string): RegExp {
  const source = glob.replace(
    /\[(!?)([^\]]+)\]|[\s\S]/g,
    (part, not: string, members: string | undefined) => {
      if (members !== undefined) return `[${not ? '^' : ''}${members.replace(/[\\\]^]/g, '\\$&')}]`;
      if (part === '*') return '.*';
      if (part === '?') return '.';
      return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    },
  );
  try {
    return new RegExp(`^${source}$`, 'u');
  } catch (cause) {
    throw new ProvisionError('usage', `${JSON.stringify(glob)} is not a pattern`, {
      hint: 'Write a class as [abc] or [a-c].',
      cause,
    });
  }
}

function nothing(message: string, inventory: Inventory, token: string): ProvisionError {
  const names = [...inventory.groups.keys(), ...inventory.hosts.keys()];
  return new ProvisionError('no-hosts-matched', message, {
    hint: didYouMean(token, names) ?? 'The inventory has no hosts.',
  });
}
