import { HAND_MADE, ONE_OF_EACH } from './hand-made-hosts.ts';
import { importCases } from './import-host-cases.ts';

for (const [title, made] of Object.entries(HAND_MADE))
  if (ONE_OF_EACH.includes(title)) importCases(title, made);
