import { sh } from './quote.ts';

export interface FileMode {
  /** Octal, for example "0644". */
  readonly mode: string;
  readonly owner?: string;
  readonly group?: string;
}

/**
 * Shell text that replaces a whole file atomically: a temporary file in the same directory that nobody else can
 * read or guess (mktemp(1), 0600 whatever the directory's default ACL says), then rename(2). A symbolic link at `path` is
 * replaced, not followed. What is root's already is given to nobody, and a mode that it has is not set again: each program costs.
 */
export function writeFile(
  path: string,
  content: string,
  { mode, owner = 'root', group = 'root' }: FileMode,
): string {
  const directory = path.slice(0, path.lastIndexOf('/')) || '/';
  const chown = sh`chown ${`${owner}:${group}`} "$t"`;
  return [
    'umask 077',
    sh`[ -d ${directory} ] || (umask 022; mkdir -p ${directory})`,
    // In a directory that somebody else can write, our temporary name could be made to point anywhere.
    sh`{ [ -O ${`${directory}/`} ] && [ -z "$(find ${`${directory}/`} -maxdepth 0 -perm /022)" ]; } || { echo ${`others can write in ${directory}`} >&2; exit 1; }`,
    sh`[ ! -d ${path} ] || { echo ${`${path} is a directory`} >&2; exit 1; }`,
    sh`t=$(mktemp ${`${directory}/.provision.XXXXXXXX`})`,
    `trap 'rm -f "$t"' EXIT`,
    sh`printf %s ${content} > "$t"`,
    owner === 'root' && group === 'root' ? `{ [ -O "$t" ] && [ -G "$t" ]; } || ${chown}` : chown,
    ...(mode === '0600' ? [] : [sh`chmod ${mode} "$t"`]),
    'sync "$t" 2>/dev/null || true',
    sh`mv -fT "$t" ${path}`,
    'trap - EXIT',
  ].join('\n');
}

export const removeFile = (path: string): string => sh`rm -f ${path}`;

/** Prints `present` or `absent`, then the file as it is. A directory or a dangling link counts as absent. */
export const readFile = (path: string): string =>
  sh`if [ -f ${path} ]; then echo present; cat ${path}; else echo absent; fi`;

/** What `readFile` printed → the text, null when there is no such file. */
export function parseReadFile(stdout: string): string | null {
  const end = stdout.indexOf('\n');
  return stdout.slice(0, end) === 'present' ? stdout.slice(end + 1) : null;
}
