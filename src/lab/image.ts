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
import { attempt, run } from './command.ts';
import type { ImageKind } from './image-recipe.ts';
import {
  BARE_PACKAGES,
  FETCH_HOOK,
  FINISH_SCRIPT,
  FULL_SCRIPT,
  IMAGE_FILES,
  recipeHash,
  REPOSITORY,
  SUITE,
} from './image-recipe.ts';
import { withLock } from './lock.ts';
import { CACHE_ROOT } from './names.ts';

const BUILD_PREFIX = 'build-';
// A full build takes about a minute; on a slow link several.
const BUILD_TIMEOUT_MS = 30 * 60_000;

/** Where an image of the present recipe lies, built or not. */
export const imagePath = (kind: ImageKind): string => join(CACHE_ROOT, `${kind}-${recipeHash()}`);

/** The images, built where they are missing. */
export async function ensureImages(
  kinds: ReadonlySet<ImageKind>,
  progress: (line: string) => void,
): Promise<void> {
  const missing = [...kinds].filter((kind) => !existsSync(imagePath(kind)));
  if (missing.length === 0) return;
  mkdirSync(CACHE_ROOT, { recursive: true, mode: 0o755 });
  await withLock(join(CACHE_ROOT, 'build.lock'), BUILD_TIMEOUT_MS, async () => {
    // The lock is ours: whatever lies here belongs to a build that was killed.
    for (const name of readdirSync(CACHE_ROOT)) {
      if (name.startsWith(BUILD_PREFIX)) rmSync(join(CACHE_ROOT, name), { recursive: true, force: true });
    }
    if (!existsSync(imagePath('bare'))) await buildImage('bare', buildBare, progress);
    if (kinds.has('full') && !existsSync(imagePath('full'))) await buildImage('full', buildFull, progress);
  });
}

/** Made aside and renamed when whole: a killed build leaves no half image. */
async function buildImage(
  kind: ImageKind,
  build: (root: string, work: string) => Promise<void>,
  progress: (line: string) => void,
) {
  progress(`building image ${kind}: once, it stays in ${CACHE_ROOT}`);
  const started = Date.now();
  const work = mkdtempSync(join(CACHE_ROOT, BUILD_PREFIX));
  const root = join(work, 'root');
  try {
    await build(root, work);
    renameSync(root, imagePath(kind));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  progress(`image ${kind} is built (${Math.round((Date.now() - started) / 1000)} s)`);
}

async function buildBare(root: string, work: string): Promise<void> {
  const hook = join(work, 'fetch-hook');
  writeFileSync(hook, FETCH_HOOK);
  const options = (await aptOptions()).map((option) => `--aptopt=${option}`);
  await run([
    // A killed `lab up` must not leave mmdebstrap working on.
    ...[
      'setpriv',
      '--pdeathsig',
      'TERM',
      'mmdebstrap',
      '--quiet',
      '--mode=root',
      '--format=directory',
      '--variant=minbase',
    ],
    ...[`--include=${BARE_PACKAGES.join(',')}`, ...options, `--customize-hook=sh '${hook}' "$1"`],
    ...[SUITE, root, ...(await aptSources())],
  ]);
  for (const file of IMAGE_FILES) {
    const path = join(root, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.text);
    chmodSync(path, file.mode);
  }
  const packages = join(root, REPOSITORY);
  writeFileSync(
    join(packages, 'Packages'),
    await run(['env', '-C', packages, 'dpkg-scanpackages', '--multiversion', '.']),
  );
  await run(['sh', '-c', FINISH_SCRIPT, 'finish', root]);
}

async function buildFull(root: string): Promise<void> {
  await run(['cp', '-a', '--reflink=auto', imagePath('bare'), root]);
  await run(['sh', '-c', FULL_SCRIPT, 'full', root]);
}

/** How this machine's apt reaches its mirrors: proxies, certificates, and whether old indexes are accepted. */
async function aptOptions(): Promise<string[]> {
  const { stdout } = await attempt(['apt-config', 'dump']);
  return stdout
    .split('\n')
    .filter(
      (line) =>
        /^Acquire::((https?|ftp)::|Check-Date|Check-Valid-Until)/.test(line) && !line.endsWith(' "";'),
    )
    .map((line) => line.replace(/;$/, ''));
}

/** This machine's own sources for the suite; none (another distribution) = mmdebstrap's own choice. */
async function aptSources(): Promise<string[]> {
  const format = 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)\t$(ORIGIN)\t$(CODENAME)';
  const { stdout } = await attempt(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  const lines = stdout.split('\n').map((line) => line.split('\t'));
  const ours = lines.filter(
    ([, origin, codename]) => origin === 'Debian' && (codename ?? '').split('-')[0] === SUITE,
  );
  return [...new Set(ours.map(([source = '']) => source))];
}
