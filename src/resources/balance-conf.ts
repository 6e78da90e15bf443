import type { Fields } from '../model/resource.ts';

/** Lines that only the health checker looks at: they change nothing of what is loaded now. */
const OF_THE_CHECKER = ['times', 'from', 'path', 'body', 'check'];

const words = (line: string): string =>
  line
    .replace(
      /^times (\d+) (\d+) (\d+) (\d+) (\d+)$/,
      'every $1 ms, timeout $2 ms, fast $3 ms, rise $4, fall $5',
    )
    .replace(/^from (\S+) (\S+)$/, 'checks from $1 to port $2')
    .replace(/^ports .*$/, (ports) => ports.replaceAll(/\b(\d+)-\1\b/g, '$1'))
    .replace(/^backend (\S+) - (\d+) (\S+)$/, 'backend $1 weight $2 $3')
    .replace(/^backend (\S+) (\d+) (\d+) (\S+)$/, 'backend $1:$2 weight $3 $4')
    .replace(/ active$/, '');

/** A configuration of lb-checker → its lines by service. What cannot be read so belongs to the service "?". */
export function servicesOf(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let name = '?';
  for (const line of text.split('\n')) {
    const [, service] = /^service (\S+) \S+$/.exec(line) ?? [];
    if (service !== undefined) name = service;
    if (line !== '' && !line.startsWith('#')) found.set(name, [...(found.get(name) ?? []), line]);
  }
  return found;
}

/** All of a service, in words. Whose turn it is follows from the weights, and would be a line without end. */
export const savedWords = (lines: readonly string[]): string[] =>
  lines.filter((line) => !/^(service|turns) /.test(line)).map(words);

/** What of a service is loaded into the kernel. */
export const liveWords = (lines: readonly string[]): string[] =>
  lines
    .filter((line) => !OF_THE_CHECKER.includes(line.split(' ')[0] ?? ''))
    .filter((line) => !/^(service|turns|addresses|ports|all-down) /.test(line))
    .map(words);

export const fieldsOf = (
  services: ReadonlyMap<string, readonly string[]>,
  of: (lines: readonly string[], name: string) => readonly string[],
): Fields => Object.fromEntries([...services].map(([name, lines]) => [name, of(lines, name)]));
