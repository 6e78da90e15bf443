import { shown } from '../../roles/variables/text.ts';

/** What an import could not say, in sentences for a person. */
export interface Notes {
  readonly list: string[];
  add(what: string, why: string): void;
}

export function notes(): Notes {
  const list: string[] = [];
  return { list, add: (what, why) => void list.push(`${what}: ${why}`) };
}

/** An entry of the cloud by its name and id. */
export const titleOf = (name: string, id: string): string =>
  [name, id]
    .filter((text) => text !== '')
    .map(shown)
    .join(' ') || 'an entry without a name';

/** Whether an entry works there now; told where it does not. */
export function isUsable(title: string, status: string, found: Notes): boolean {
  // Older answers have no Status.
  if (status === '' || status === 'Available') return true;
  found.add(title, `its status is ${shown(status)}, not Available: left out`);
  return false;
}

/** The name that the cloud had, where it could not stay. */
export const remarkOf = (before: string, now: string): string | null =>
  before === '' || before === now ? null : `in the cloud: ${shown(before)}`;
