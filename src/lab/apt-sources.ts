import { attempt } from './command.ts';

/** How this machine's apt reaches its mirrors: proxies, certificates, and whether old indexes are accepted. */
export async function aptOptions(): Promise<string[]> {
  const { stdout } = await attempt(['apt-config', 'dump']);
  return stdout
    .split('\n')
    .filter(
      (line) =>
        /^Acquire::((https?|ftp)::|Check-Date|Check-Valid-Until)/.test(line) && !line.endsWith(' "";'),
    )
    .map((line) => line.replace(/;$/, ''));
}

/**
 * This machine's own sources, for another suite from the same mirrors; none (another distribution) = mmdebstrap's own
 * choice. Debian 11 and later name their security suite alike (`bullseye-security`).
 */
export async function aptSources(suite: string): Promise<string[]> {
  const format = '$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(ORIGIN)';
  const { stdout } = await attempt(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages']);
  return sourcesFor(suite, stdout);
}

/** The same for what `apt-get indextargets` printed: URI, release, component and origin, apart by tabs. */
export function sourcesFor(suite: string, targets: string): string[] {
  const lines = targets.split('\n').map((line) => line.split('\t'));
  const ours = lines.flatMap(([uri = '', release = '', component = '', origin]) => {
    const kind = /^[a-z]+(|-updates|-security)$/.exec(release)?.[1];
    if (origin !== 'Debian' || kind === undefined || component !== 'main') return [];
    return [`deb ${uri} ${suite}${kind} ${component}`];
  });
  return [...new Set(ours)];
}
