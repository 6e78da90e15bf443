import type { Play, Playbook } from '../model/playbook.ts';

/** One group of hosts and what they should be. */
export const play = (definition: Play): Play => definition;

/** What a playbook file exports as its default. */
export const playbook = (name: string, plays: readonly Play[]): Playbook => ({
  kind: 'playbook',
  name,
  plays,
});
