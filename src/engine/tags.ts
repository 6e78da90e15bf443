import { ProvisionError } from '../model/error.ts';

/** What `-t` and `--skip-tags` name; two empty lists choose everything but what is tagged `never`. */
export interface TagChoice {
  readonly only: readonly string[];
  readonly skip: readonly string[];
}

export const EVERYTHING: TagChoice = { only: [], skip: [] };

/** Words that mean something without being written anywhere. */
const SPECIAL = ['all', 'always', 'never'];

/** A comma or a blank would end it on the command line; a dash would make it a flag. */
const TAG = /^[\p{L}\p{N}_][\p{L}\p{N}_.:/-]*$/u;

/** Whether a word can be typed as a tag. */
export const isTag = (word: unknown): boolean => typeof word === 'string' && TAG.test(word);

/**
 * Ansible's rule: what has one of the `only` tags and none of the `skip` tags. `always` is chosen whatever `only` says,
 * `never` only where one of its tags is named.
 */
export function isChosen(tags: readonly string[], { only, skip }: TagChoice): boolean {
  const named = (list: readonly string[]): boolean => tags.some((tag) => list.includes(tag));
  if (named(skip) || (skip.includes('all') && !tags.includes('always'))) return false;
  if (named(only)) return true;
  if (only.length > 0 && !only.includes('all')) return tags.includes('always');
  return !tags.includes('never');
}

/** All of these lists as one, each tag once. Throws `playbook` for what nobody could type. */
export function tagsOf(...lists: readonly (readonly string[] | undefined)[]): string[] {
  const tags = [...new Set(lists.flatMap((list) => list ?? []))];
  const wrong = tags.find((tag) => !isTag(tag));
  if (wrong === undefined) return tags;
  throw new ProvisionError('playbook', `${JSON.stringify(wrong)} cannot be a tag.`, {
    hint: 'Use letters, digits, "_", ".", ":", "/" and "-", for example tags: [\'firewall\'].',
  });
}

/** Tags that were typed and that nothing has. */
export const unknownTags = ({ only, skip }: TagChoice, known: ReadonlySet<string>): string[] =>
  [...new Set([...only, ...skip])].filter((tag) => !known.has(tag) && !SPECIAL.includes(tag));
