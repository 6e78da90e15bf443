import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * A cache of ours that only its owner can write, for what is run as it is found there. False where there can be none:
 * then nothing is kept.
 */
export function cacheDirectory(name: string): string | false {
  const given = process.env['XDG_CACHE_HOME'] ?? '';
  // A relative one is to be ignored (XDG Base Directory Specification): it would be whatever a cloned repository brings.
  const base = path.isAbsolute(given) ? given : path.join(os.homedir(), '.cache');
  const directory = path.join(base, 'provision', name);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = lstatSync(directory);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false;
    if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700);
    return directory;
  } catch {
    return false;
  }
}
