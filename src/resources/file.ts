import type { Fields, Handler } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS } from './describe.ts';

export interface FileProps {
  /** Absolute path. */
  readonly path: string;
  /** The whole content; null = the file must not exist. */
  readonly content: string | null;
  /** Octal, default "0644". */
  readonly mode?: string;
  readonly owner?: string;
  readonly group?: string;
  /** Run once after all steps when the file changed. */
  readonly notify?: Handler;
}

interface FileState {
  readonly saved: Fields | null;
}

const read = (path: string): string =>
  sh`if [ -f ${path} ] && [ ! -L ${path} ]; then stat -c '0%a %U %G' -- ${path}; cat ${path}; else echo absent; fi`;

/** Content as text; `stat` prints the mode without a leading zero. */
function parse(stdout: string): FileState {
  const end = stdout.indexOf('\n');
  const [mode = '', owner = '', group = ''] = stdout.slice(0, end).split(' ');
  if (mode === 'absent') return { saved: null };
  return { saved: { content: stdout.slice(end + 1), mode, owner, group } };
}

/** A file that is ours as a whole: content, mode, owner, group. */
export const file = defineResource<FileProps, FileState>({
  kind: 'file',
  name: ({ path }) => path,
  desired: ({ content, mode = '0644', owner = 'root', group = 'root' }) => ({
    saved: content === null ? null : { content, mode, owner, group },
  }),
  probe: ({ path }) => read(path),
  parse: ({ stdout }) => parse(stdout),
  transition: ({ to }, { path, notify }) => {
    const also = { ...(notify ? { handlers: [notify] } : {}), paths: [path] };
    if (to.saved === null) return { writes: [removeFile(path)], steps: [], ...also };
    const { content, mode, owner, group } = to.saved;
    return {
      writes: [
        writeFile(path, String(content), { mode: String(mode), owner: String(owner), group: String(group) }),
      ],
      steps: [],
      ...also,
    };
  },
  sentence: ({ field, layer, before, after }, { path }) => {
    if (field !== 'content') return undefined;
    if (before === null) return `${path} is missing`;
    return after === null ? `${path} should not exist` : `${path} differs ${LAYER_WORDS[layer]}`;
  },
  text: ({ stdout }, { path, content }) => {
    const before = parse(stdout).saved?.content;
    return { path, before: before === undefined ? null : String(before), after: content };
  },
});
