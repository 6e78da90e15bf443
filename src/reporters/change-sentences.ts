import type { Change, ResourceChange } from '../model/resource.ts';
import { oneLine } from './printable.ts';

/** + create, ~ update, - delete. */
export const SIGNS: Readonly<Record<Change['action'], string>> = { create: '+', update: '~', delete: '-' };

/** How the sentences of the resources name the two layers. */
const LIVE = /\blive\b/g;
const SAVED = 'in the saved configuration';
const BOTH = `live and ${SAVED}`;

/** "X is 0 live" and "X is not set in the saved configuration", both with the same ", should be …". */
const SHOULD = /^(.+? is )(.+?)(, should be .+)$/s;

/** One sentence for the same field live and saved; null when they do not say the same. */
function merged(live: string, saved: string): string | null {
  if (live !== saved && live.replaceAll(LIVE, SAVED) === saved) return live.replaceAll(LIVE, BOTH);
  const [, subject, now, wish] = SHOULD.exec(live) ?? [];
  const [, sameSubject, then, sameWish] = SHOULD.exec(saved) ?? [];
  if (subject === undefined || subject !== sameSubject || wish !== sameWish) return null;
  return `${subject}${now ?? ''} and ${then ?? ''}${wish ?? ''}`;
}

/** The sentences of one resource; where live and saved miss the same, one sentence says both. */
export function sentencesOf({ changes }: Pick<ResourceChange, 'changes'>): string[] {
  const savedByField = new Map(changes.filter((one) => one.layer === 'saved').map((one) => [one.field, one]));
  const said = new Set<Change>();
  return changes.flatMap((change) => {
    if (said.has(change)) return [];
    const saved = change.layer === 'live' ? savedByField.get(change.field) : undefined;
    const both = saved ? merged(change.sentence, saved.sentence) : null;
    if (!saved || both === null) return [oneLine(change.sentence)];
    said.add(saved);
    return [oneLine(both)];
  });
}

/** What a person should think of before a change is made, a line each below it: what others lose, what keeps us out. */
export const forewarningsOf = ({ cuts, destroys, lockout }: ResourceChange): string[] => [
  ...(cuts === undefined ? [] : [cutsOf(cuts)]),
  ...(destroys === undefined ? [] : [oneLine(destroys)]),
  ...(lockout === undefined ? [] : [`would lock us out: ${oneLine(lockout)}`]),
];

/** So many things that a change cuts are named, and the others counted. */
const NAMED = 6;

/** What a change cuts, as a line below it. */
export function cutsOf(cuts: readonly string[]): string {
  const more = cuts.length - NAMED;
  return `cuts ${cuts.slice(0, NAMED).map(oneLine).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `firewalld-zone:public` as a person says it. */
export const titleOf = (resource: string): string => oneLine(resource.replace(':', ' '));

/** A sentence below the heading of its resource need not name it again. */
export function withoutName(sentence: string, resource: string): string {
  const name = resource.slice(resource.indexOf(':') + 1);
  const words = sentence.split(' ');
  const at = words.slice(0, 2).findIndex((word) => [name, `${name}:`, resource].includes(word));
  const rest = words.slice(at + 1).join(' ');
  return at === -1 || rest === '' ? sentence : rest;
}

export interface ResourceSentences {
  readonly resource: string;
  readonly action: Change['action'];
  readonly sentences: readonly string[];
}

/** The sentences of a report's changes, resource by resource. */
export function sentencesByResource(changes: readonly Change[]): ResourceSentences[] {
  const byResource = new Map<string, Change[]>();
  for (const change of changes)
    byResource.set(change.resource, [...(byResource.get(change.resource) ?? []), change]);
  return [...byResource].map(([resource, list]) => ({
    resource,
    action: list[0]?.action ?? 'update',
    sentences: sentencesOf({ changes: list }),
  }));
}
