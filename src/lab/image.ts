import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { aptOptions, aptSources } from './apt-sources.ts';
import type { ImageLayer } from './image-recipe.ts';
import {
  BARE_PACKAGES,
  fetchHook,
  FINISH_SCRIPT,
  IMAGE_FILES,
  layersOf,
  REPOSITORY,
} from './image-recipe.ts';
import type { ImageSpec, Release } from './image-spec.ts';
import { SUITES } from './image-spec.ts';
import { withLock } from './lock.ts';
import { CACHE_ROOT } from './names.ts';

export const BUILD_PREFIX = 'build-';
// A full build takes about a minute; on a slow link several.
export const BUILD_TIMEOUT_MS = 30 * 60_000;

/** The name of a layer's directory in the cache, built or not. */
export const directoryOf = ({ name, hash }: ImageLayer): string => `${name}-${hash}`;

const pathOf = (layer: ImageLayer): string => join(CACHE_ROOT, directoryOf(layer));

/** The directories of an image as overlayfs wants them for `lowerdir`: the uppermost first. */
export const lowerDirectories = (spec: ImageSpec): string => layersOf(spec).map(pathOf).reverse().join(':');

/** The images, built where they are missing. */
export async function ensureImages(
  specs: readonly ImageSpec[],
  progress: (line: string) => void,
): Promise<void> {
  const isMissing = (layer: ImageLayer): boolean => !existsSync(pathOf(layer));
  const layers = specs.map(layersOf);
  if (!layers.flat().some(isMissing)) return;
  mkdirSync(CACHE_ROOT, { recursive: true, mode: 0o755 });
  await withLock(join(CACHE_ROOT, 'build.lock'), BUILD_TIMEOUT_MS, async () => {
    // The lock is ours: whatever lies here belongs to a build that was killed.
    for (const name of readdirSync(CACHE_ROOT)) {
      if (name.startsWith(BUILD_PREFIX)) rmSync(join(CACHE_ROOT, name), { recursive: true, force: true });
    }
    for (const image of layers) {
      for (const [index, layer] of image.entries()) {
        if (isMissing(layer)) await buildLayer(layer, image.slice(0, index), progress);
      }
    }
  });
}

/** Made aside and renamed when whole: a killed build leaves no half image. */
async function buildLayer(
  layer: ImageLayer,
  below: readonly ImageLayer[],
  progress: (line: string) => void,
): Promise<void> {
  progress(`building image ${layer.name}: once, it stays in ${CACHE_ROOT}`);
  const started = Date.now();
  const work = mkdtempSync(join(CACHE_ROOT, BUILD_PREFIX));
  const made = join(work, 'made');
  try {
    if (layer.script === null) await debootstrap(layer.release, made, work);
    else await buildOver(below, layer.script, made, work);
    renameSync(made, pathOf(layer));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  progress(`image ${layer.name} is built (${Math.round((Date.now() - started) / 1000)} s)`);
}

/** A killed `lab up` must not leave its commands working on, nor what they mounted: that goes with their namespace. */
const TIED = ['setpriv', '--pdeathsig', 'TERM', 'unshare', '--mount'];

async function debootstrap(release: Release, root: string, work: string): Promise<void> {
  const hook = join(work, 'fetch-hook');
  writeFileSync(hook, fetchHook(release));
  const options = (await aptOptions()).map((option) => `--aptopt=${option}`);
  await run([
    ...TIED,
    ...['mmdebstrap', '--quiet', '--mode=root', '--format=directory', '--variant=minbase'],
    ...[`--include=${BARE_PACKAGES.join(',')}`, ...options, `--customize-hook=sh '${hook}' "$1"`],
    ...[SUITES[release], root, ...(await aptSources(SUITES[release]))],
  ]);
  for (const file of IMAGE_FILES) {
    const path = join(root, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.text);
    chmodSync(path, file.mode);
  }
  const packages = join(root, REPOSITORY);
  const index = await run(['env', '-C', packages, 'dpkg-scanpackages', '--multiversion', '.']);
  writeFileSync(join(packages, 'Packages'), index);
  await run(['sh', '-c', FINISH_SCRIPT, 'finish', root]);
}

const OVER_SCRIPT = `set -eu
mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" overlay "$4"
exec sh -c "$5" layer "$4"
`;

async function buildOver(
  below: readonly ImageLayer[],
  script: string,
  made: string,
  work: string,
): Promise<void> {
  const lower = below.map(pathOf).reverse().join(':');
  const [workdir, root] = [join(work, 'work'), join(work, 'root')];
  for (const directory of [made, workdir, root]) mkdirSync(directory, { mode: 0o755 });
  await run([...[...TIED, 'sh', '-c', OVER_SCRIPT, 'over'], ...[lower, made, workdir, root, script]]);
}
