import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS, directoryOf } from './image.ts';
import { layersOf } from './image-recipe.ts';
import { CHOICES, RELEASES } from './image-spec.ts';
import { withLock } from './lock.ts';
import { CACHE_ROOT } from './names.ts';
import { knownLabs, readState } from './state.ts';

/** Every image that the present recipes can make. */
const presentDirectories = (): Set<string> =>
  new Set(
    RELEASES.flatMap((release) =>
      CHOICES.image.flatMap((image) =>
        CHOICES.nic.flatMap((nic) =>
          CHOICES.iptables.flatMap((iptables) =>
            layersOf({ release, image, nic, iptables }).map(directoryOf),
          ),
        ),
      ),
    ),
  );

/** What this version or an earlier one makes; anything else in the directory is somebody else's. */
const isOurs = (name: string): boolean =>
  /^(bare|full|debian-\d+[a-z-]*)-[0-9a-f]{12}$/.test(name) || /^build-[A-Za-z0-9]{6}$/.test(name);

/** Directories that some mount of this machine has as a layer: hosts run on them. */
const mountedLayers = (mounts: string): Set<string> =>
  new Set([...mounts.matchAll(/\blowerdir\+?=([^, ]+)/g)].flatMap(([, list = '']) => list.split(':')));

/** Whose image cache it is, what there is mounted: for tests. */
export interface PruneOptions {
  readonly all?: boolean;
  readonly cache?: string;
  readonly mounts?: string;
}

/**
 * Removes images that no recipe of this version makes any more, and what killed builds left; with `all` the present ones
 * too. An image that a running host stands on stays. Answers what it removed and what it kept for that reason.
 */
export async function pruneImages({
  all = false,
  cache = CACHE_ROOT,
  mounts = readFileSync('/proc/self/mountinfo', 'utf8'),
}: PruneOptions = {}): Promise<{ removed: string[]; inUse: string[] }> {
  if (!existsSync(cache)) return { removed: [], inUse: [] };
  const lock = join(cache, 'build.lock');
  return withLock(lock, BUILD_TIMEOUT_MS, () => {
    const keep = all ? new Set<string>() : presentDirectories();
    const mounted = mountedLayers(mounts);
    const old = readdirSync(cache).filter((name) => isOurs(name) && !keep.has(name));
    const inUse = old.filter((name) => mounted.has(join(cache, name)));
    const removed = old.filter((name) => !inUse.includes(name));
    for (const name of removed) rmSync(join(cache, name), { recursive: true, force: true });
    return Promise.resolve({ removed, inUse });
  });
}

/** Labs whose inventory is gone: no other command can name them any more. */
export const orphanedLabs = (): string[] =>
  knownLabs().filter((id) => {
    const source = readState(id)?.source;
    return source !== undefined && !existsSync(source);
  });
