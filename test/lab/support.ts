import { describe } from '@jest/globals';

/** Real hosts need Linux and root; elsewhere the tests are skipped, and their name says why. */
export function labSupport(name: string, tests: () => void): void {
  const missing = process.platform !== 'linux' ? 'Linux' : process.getuid?.() === 0 ? null : 'root';
  if (missing === null) describe(name, tests);
  else describe.skip(`${name} (skipped: needs ${missing})`, tests);
}
