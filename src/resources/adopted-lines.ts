import { differences } from '../model/difference.ts';
import type {
  Change,
  FieldDifference,
  Fields,
  Handler,
  ProbeOutput,
  Resource,
  ResourceChange,
} from '../model/resource.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import {
  chainOfLine,
  keyOf,
  livePlaces,
  remembered,
  savedPlaces,
  spelledByHost,
  withoutCounters,
  withoutPlaces,
  withPlaces,
} from './adopted-places.ts';
import type { LivePlace, SavedPlace } from './adopted-places.ts';
import { readAdopted, RECORD, setRules } from './adopted-shell.ts';
import type { NamedRule } from './adopted-shell.ts';
import { parseRecord, recordText } from './adopted-record.ts';
import type { AdoptedRecord } from './adopted-record.ts';

export interface AdoptedLinesProps {
  /** Rules that go; null = whatever was taken over there comes back. */
  readonly named: readonly NamedRule[] | null;
}

interface SavedFile {
  readonly path: string;
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly text: string;
  /** As the host prints it after loading it; null = it does not take it. */
  readonly spelled: string | null;
}

interface Seen {
  readonly tools: readonly { readonly tool: string; readonly printed: string }[];
  readonly spelled: string | null;
  readonly files: readonly SavedFile[];
  readonly record: AdoptedRecord | null;
}

const decoded = (word: string | undefined): string | null =>
  word === undefined || word === '' ? null : Buffer.from(word, 'base64').toString('utf8');

/** What `readAdopted` printed. */
function parse(stdout: string): Seen {
  const lines = stdout.split('\n').map((line) => line.split(' '));
  const of = (kind: string): string[][] =>
    lines.filter(([word]) => word === kind).map((words) => words.slice(1));
  return {
    tools: of('tool').map(([tool = '', printed]) => ({ tool, printed: decoded(printed) ?? '' })),
    spelled: decoded(of('spelled')[0]?.[0]),
    files: of('file').map(([path = '', mode = '', owner = '', group = '', text, spelled]) => ({
      ...{ path, mode: mode.padStart(4, '0'), owner, group },
      text: decoded(text) ?? '',
      spelled: decoded(spelled),
    })),
    record: parseRecord(decoded(of('record')[0]?.[0])),
  };
}

/** The named rules as they are written, and as the host spells them. */
function namedKeys(named: readonly NamedRule[], spelled: string | null): ReadonlySet<string> {
  const rules = named.map(({ table, line }) => ({ table, line, chain: chainOfLine(line) }));
  return new Set([...rules, ...spelledByHost(rules, spelled)].map(({ table, line }) => keyOf(table, line)));
}

/** Matches and target alone: the field says where. */
const ruleOf = (line: string): string => withoutCounters(line).replace(/^-A \S+ /, '');

const liveField = ({ tool, table, line }: LivePlace): string =>
  `${tool === 'iptables-legacy' ? 'legacy ' : ''}${table} ${chainOfLine(line)}`;
const savedField = ({ path, table }: SavedPlace): string => `${path} ${table}`;

/** By field the rules in their order, each with its place. */
function fieldsOf<Place extends LivePlace | SavedPlace>(
  places: readonly Place[],
  field: (place: Place) => string,
): Fields {
  const fields: Record<string, string[]> = {};
  for (const place of places.toSorted((a, b) => a.at - b.at))
    (fields[field(place)] ??= []).push(`${place.at}: ${ruleOf(place.line)}`);
  return fields;
}

/** What stands on the host of the rules in question, or should. */
interface Standing {
  readonly live: readonly LivePlace[];
  readonly saved: readonly SavedPlace[];
}

const NOTHING: Standing = { live: [], saved: [] };
const stateOf = ({ live, saved }: Standing) => ({
  live: fieldsOf(live, liveField),
  saved: fieldsOf(saved, savedField),
});

function standing({ tools, files }: Seen, keys: ReadonlySet<string>): Standing {
  return {
    live: tools.flatMap(({ tool, printed }) => livePlaces(tool, printed, keys)),
    saved: files.flatMap(({ path, text, spelled }) => savedPlaces(path, text, spelled, keys)),
  };
}

const listOf = (value: Change['before']): readonly string[] =>
  Array.isArray(value) ? (value as readonly string[]) : [];

function sentence({ field, layer, before, after }: FieldDifference): string {
  const items = listOf(after ?? before);
  const number = `${items.length} hand-made ${items.length === 1 ? 'rule' : 'rules'}`;
  const where = layer === 'live' ? `of ${field}` : `in ${field.replace(' ', ', table ')}, loaded at boot`;
  const rules = items.map((item) => item.replace(/^\d+: /, '')).join('; ');
  return `${after === null ? 'takes over' : 'puts back'} ${number} ${where}: ${rules}`;
}

/**
 * The last word of a way, after every other step and handler: reloads of firewalld 1 empty these chains. On a way back
 * the changes come the other way round, and with them their handlers.
 */
const lastly = (script: string): Handler[] => [{ id: 'rules made by hand', script, last: true }];

/** A file with what it will hold. */
interface Rewritten {
  readonly file: SavedFile;
  readonly text: string;
}

/** Those of the files that this changes. */
const rewritten = (files: readonly SavedFile[], change: (file: SavedFile) => string): Rewritten[] =>
  files.map((file) => ({ file, text: change(file) })).filter(({ file, text }) => file.text !== text);

const write = ({ file: { path, mode, owner, group }, text }: Rewritten): string =>
  writeFile(path, text, { mode, owner, group });

const ofFile = (places: readonly SavedPlace[], { path }: SavedFile): SavedPlace[] =>
  places.filter((place) => place.path === path);

function planned(
  id: string,
  from: Standing,
  to: Standing,
  files: readonly Rewritten[],
  record: string | null,
): ResourceChange | null {
  const found = differences(stateOf(from), stateOf(to));
  if (found.length === 0) return null;
  const takesOver = to === NOTHING;
  const all = [...from.live, ...to.live];
  const [there, back] = [setRules(all, to.live), setRules(all, from.live)];
  const paths = [...files.map(({ file }) => file.path), RECORD];
  return {
    resource: id,
    phase: 'main',
    kind: 'adopted-lines',
    changes: found.map((difference) => ({
      ...difference,
      resource: id,
      // A chain of others is another one afterwards, whichever way it goes.
      action: 'update',
      sentence: sentence(difference),
    })),
    apply: {
      writes: [
        ...(record === null ? [] : [writeFile(RECORD, record, { mode: '0600' })]),
        ...files.map(write),
        ...(record === null ? [removeFile(RECORD)] : []),
      ],
      // What takes over stands already; only when all of it does, and works, the old goes. The old comes back first.
      steps: takesOver || all.length === 0 ? [] : [there],
      handlers: all.length === 0 ? [] : lastly(there),
      paths,
    },
    revert: {
      steps: all.length === 0 ? [] : [back],
      handlers: all.length === 0 ? [] : lastly(back),
      paths,
    },
  };
}

/**
 * Rules of iptables that were made by hand, live and in the files that are loaded at boot. Those that are named go, each
 * found as a whole line in the host's own spelling, and the host keeps a record of where they stood; without names,
 * what that record holds comes back to its place.
 */
export function adoptedLines({ named }: AdoptedLinesProps): Resource {
  const id = 'adopted-lines:iptables';
  const plan = ({ stdout }: ProbeOutput): ResourceChange | null => {
    const seen = parse(stdout);
    const { record, files } = seen;
    if (named !== null) {
      const from = standing(seen, namedKeys(named, seen.spelled));
      const kept = {
        live: remembered(record?.live ?? [], from.live),
        saved: remembered(record?.saved ?? [], from.saved),
      };
      const changed = rewritten(files, (file) => withoutPlaces(file.text, ofFile(from.saved, file)));
      return planned(id, from, NOTHING, changed, recordText(kept));
    }
    if (record === null) return null;
    const all = [...record.live, ...record.saved];
    const from = standing(seen, new Set(all.map(({ table, line }) => keyOf(table, withoutCounters(line)))));
    const to = {
      live: record.live,
      // A file that somebody took away since stays away.
      saved: record.saved.filter(({ path }) => files.some((file) => file.path === path)),
    };
    const changed = rewritten(files, (file) =>
      withPlaces(withoutPlaces(file.text, ofFile(from.saved, file)), ofFile(to.saved, file)),
    );
    return planned(id, from, to, changed, null);
  };
  return {
    id,
    kind: 'adopted-lines',
    declared: JSON.stringify(named),
    phase: 'main',
    probe: readAdopted(named ?? []),
    plan,
    // It keeps a record of its own, which grows with the rules that are named.
    planBack: plan,
    baseline: () => null,
  };
}
