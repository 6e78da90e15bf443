/** A rule of iptables that is not in its place any more, or is to go: where it stood, as the host prints it. */
export interface LivePlace {
  /** The program that holds it: `iptables-nft`, `iptables-legacy`, or `iptables` where there is only one. */
  readonly tool: string;
  readonly table: string;
  /** `-A CHAIN …` as iptables-save(8) prints it. */
  readonly line: string;
  /** Counted from 1 among the rules of its chain that are not provision's. */
  readonly at: number;
}

/** A line of a file that is loaded at boot. */
export interface SavedPlace {
  readonly path: string;
  readonly table: string;
  /** As it stands there, counters included. */
  readonly line: string;
  /** Counted from 1 among the lines of its table that declare no chain and are not provision's. */
  readonly at: number;
}

/** One rule of a text in the format of iptables-save(8). */
export interface SavedRule {
  readonly table: string;
  readonly chain: string;
  /** `-A CHAIN …`, without counters. */
  readonly line: string;
}

const OUR_JUMP = / -j PROVISION[_-]\S*$/;
const OUR_RULE = /^-A PROVISION[_-]/;
const isOurs = (line: string): boolean => OUR_RULE.test(line) || OUR_JUMP.test(line);
/** iptables-save -c puts `[packets:bytes]` before each rule. */
export const withoutCounters = (line: string): string => line.replace(/^\[\d+:\d+\] /, '');

export const chainOfLine = (line: string): string => /^-A (\S+)/.exec(line)?.[1] ?? '';
/** Names a rule wherever it stands. */
export const keyOf = (table: string, line: string): string => `${table} ${line}`;

/** The rules of a text of iptables-save(8), in order. */
export function rulesIn(text: string): SavedRule[] {
  let table = '';
  return text.split('\n').flatMap((raw): SavedRule[] => {
    if (raw.startsWith('*')) table = raw.slice(1).trim();
    const line = withoutCounters(raw);
    return line.startsWith('-A ') ? [{ table, chain: chainOfLine(line), line }] : [];
  });
}

/**
 * How the host itself spells these rules: `printed` is what it printed of them after it had loaded them, so the rules of
 * each chain are in the same order. A chain of which another number came back (or null = it did not take them) stays as
 * it is written.
 */
export function spelledByHost(rules: readonly SavedRule[], printed: string | null): SavedRule[] {
  const byChain = new Map<string, SavedRule[]>();
  for (const rule of printed === null ? [] : rulesIn(printed)) {
    const key = `${rule.table} ${rule.chain}`;
    byChain.set(key, [...(byChain.get(key) ?? []), rule]);
  }
  const counts = new Map<string, number>();
  const keyed = rules.map((rule) => {
    const key = `${rule.table} ${rule.chain}`;
    const number = counts.get(key) ?? 0;
    counts.set(key, number + 1);
    return { rule, key, number };
  });
  return keyed.map(({ rule, key, number }) => {
    const same = byChain.get(key) ?? [];
    return (same.length === counts.get(key) ? same[number] : undefined) ?? rule;
  });
}

const sameList = <Place extends LivePlace | SavedPlace>(a: Place, b: Place): boolean =>
  a.table === b.table &&
  ('tool' in a && 'tool' in b
    ? a.tool === b.tool && chainOfLine(a.line) === chainOfLine(b.line)
    : 'path' in a && 'path' in b && a.path === b.path);

const sameRule = <Place extends LivePlace | SavedPlace>(a: Place, b: Place): boolean =>
  sameList(a, b) && withoutCounters(a.line) === withoutCounters(b.line);

/**
 * What is remembered of rules that were taken over: the first place of each, whoever put it back since. The places of
 * what is found now are counted as if the remembered ones still stood in theirs.
 */
export function remembered<Place extends LivePlace | SavedPlace>(
  before: readonly Place[],
  found: readonly Place[],
): Place[] {
  const fresh = found.filter((place) => !before.some((old) => sameRule(old, place)));
  const counted = fresh.map((place): Place => {
    const again = found.filter(
      (other) => sameList(other, place) && other.at < place.at && !fresh.includes(other),
    ).length;
    let at = place.at - again;
    for (const old of before.filter((other) => sameList(other, place)).toSorted((a, b) => a.at - b.at))
      if (old.at <= at) at += 1;
    return { ...place, at };
  });
  return [...before, ...counted];
}

/** Where the named rules stand in what a tool printed. */
export function livePlaces(tool: string, printed: string, named: ReadonlySet<string>): LivePlace[] {
  const counts = new Map<string, number>();
  return rulesIn(printed).flatMap(({ table, chain, line }): LivePlace[] => {
    if (isOurs(line)) return [];
    const at = (counts.get(`${table} ${chain}`) ?? 0) + 1;
    counts.set(`${table} ${chain}`, at);
    return named.has(keyOf(table, line)) ? [{ tool, table, line, at }] : [];
  });
}

interface Section {
  /** Null = outside every table. */
  readonly table: string | null;
  readonly lines: readonly string[];
}

/** The lines of a file by tables; a table ends before its COMMIT. */
function sectionsOf(text: string): Section[] {
  const sections: { table: string | null; lines: string[] }[] = [{ table: null, lines: [] }];
  for (const line of text.split('\n')) {
    if (line === 'COMMIT') sections.push({ table: null, lines: [line] });
    else sections.at(-1)?.lines.push(line);
    if (line.startsWith('*')) sections.push({ table: line.slice(1).trim(), lines: [] });
  }
  return sections;
}

const isCounted = (line: string): boolean => !line.startsWith(':') && !isOurs(withoutCounters(line));

/** Where the named rules stand in a file; `printed` is how the host spells that file, if it took it. */
export function savedPlaces(
  path: string,
  text: string,
  printed: string | null,
  named: ReadonlySet<string>,
): SavedPlace[] {
  const spelled = spelledByHost(rulesIn(text), printed);
  let next = 0;
  return sectionsOf(text).flatMap(({ table, lines }) => {
    let at = 0;
    return lines.flatMap((raw): SavedPlace[] => {
      if (isCounted(raw)) at += 1;
      const line = withoutCounters(raw);
      if (!line.startsWith('-A ')) return [];
      const host = spelled[next++];
      if (table === null || isOurs(line)) return [];
      const isNamed = named.has(keyOf(table, line)) || (host && named.has(keyOf(host.table, host.line)));
      return isNamed ? [{ path, table, line: raw, at }] : [];
    });
  });
}

/** The file without these lines of it. */
export function withoutPlaces(text: string, places: readonly SavedPlace[]): string {
  const sections = sectionsOf(text).map(({ table, lines }) => {
    let at = 0;
    return lines.filter((line) => {
      if (isCounted(line)) at += 1;
      return !places.some((place) => place.table === table && place.at === at && place.line === line);
    });
  });
  return sections.flat().join('\n');
}

/** Puts each line back where it stood, the first first; one whose place is beyond the end comes last. */
function putIn(lines: readonly string[], places: readonly SavedPlace[]): string[] {
  const list = [...lines];
  for (const { at, line } of places.toSorted((a, b) => a.at - b.at)) {
    let count = 0;
    const before = list.findIndex((each) => isCounted(each) && (count += 1) === at);
    list.splice(before < 0 ? list.length : before, 0, line);
  }
  return list;
}

/** The file with these lines where they stood: to the letter, where nobody has changed it since. */
export function withPlaces(text: string, places: readonly SavedPlace[]): string {
  const sections = sectionsOf(text);
  const of = (wanted: string | null): SavedPlace[] => places.filter(({ table }) => table === wanted);
  const missing = [...new Set(places.map(({ table }) => table))].filter(
    (wanted) => !sections.some(({ table }) => table === wanted),
  );
  const whole = sections.flatMap(({ table, lines }) => putIn(lines, of(table))).join('\n');
  if (missing.length === 0) return whole;
  const added = missing.flatMap((table) => [`*${table}`, ...putIn([], of(table)), 'COMMIT']);
  return `${whole.replace(/\n?$/, '\n')}${added.join('\n')}\n`;
}
