import { ProvisionError } from '../model/error.ts';
import { secretsIn } from '../model/secret.ts';
import type { Secret } from '../model/secret.ts';
import type { Fields, Handler, Resource } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS } from './describe.ts';

export interface FileProps {
  /** Absolute path. */
  readonly path: string;
  /** The whole content, which may hold secrets; null = the file must not exist. */
  readonly content: string | Secret | null;
  /** Octal, default "0644"; with a secret in the content "0600", and others may not be let in. */
  readonly mode?: string;
  readonly owner?: string;
  readonly group?: string;
  /** Run once after all steps when the file changed. */
  readonly notify?: Handler;
}

/** With what follows from the content: only of a text that is not opened yet can it be told that it holds a secret. */
interface WholeFileProps extends Omit<FileProps, 'content'> {
  readonly content: string | null;
  readonly secret: boolean;
}

interface FileState {
  readonly saved: Fields | null;
}

/**
 * Content as text; `stat` prints the mode without a leading zero. A symbolic link is what is there, whatever it points
 * to: it is replaced or removed itself, and nothing is ever written through it. A directory is nobody's file: refused.
 */
function parse(stdout: string, { path, ...props }: WholeFileProps): FileState {
  const end = stdout.indexOf('\n');
  const [mode = '', owner = '', group = ''] = stdout.slice(0, end).split(' ');
  if (mode === 'absent') return { saved: null };
  if (mode === 'link') {
    return { saved: { ...declared(props), content: null, link: stdout.slice('link '.length, end) } };
  }
  if (mode === 'directory') {
    throw new ProvisionError('host-unsupported', `${path} is a directory, and should be a file.`, {
      hint: 'Move it away by hand, or declare another path.',
    });
  }
  return { saved: { content: stdout.slice(end + 1), mode, owner, group } };
}

const declared = ({
  mode = '0644',
  owner = 'root',
  group = 'root',
}: Omit<WholeFileProps, 'path'>): Fields => ({
  mode,
  owner,
  group,
});

const OTHERS = 0o007;
const mayOthersRead = (mode: string): boolean => (parseInt(mode, 8) & OTHERS) !== 0;

/** Null = absent: nobody can read that. */
const isOpen = ({ saved }: FileState): boolean =>
  saved === null || typeof saved['mode'] !== 'string' || mayOthersRead(saved['mode']);

const wholeFile = defineResource<WholeFileProps, FileState>({
  kind: 'file',
  secrets: true,
  // Also what was in the file before may be a secret, of which we know nothing: its mode says so.
  hidden: ({ from, to }, { secret }) => (secret || !isOpen(from) || !isOpen(to) ? ['content'] : []),
  name: ({ path }) => path,
  desired: (props) => ({
    saved: props.content === null ? null : { content: props.content, ...declared(props) },
  }),
  probe: ({ path }) => [{ entry: path }],
  parse: ({ stdout }, props) => parse(stdout, props),
  transition: ({ to }, { path, notify }) => {
    const also = { ...(notify ? { handlers: [notify] } : {}), paths: [path] };
    if (to.saved === null) return { writes: [removeFile(path)], steps: [], ...also };
    const { content, mode, owner, group, link } = to.saved;
    if (typeof link === 'string') return { writes: [sh`ln -sfnT -- ${link} ${path}`], steps: [], ...also };
    return {
      writes: [
        writeFile(path, String(content), { mode: String(mode), owner: String(owner), group: String(group) }),
      ],
      steps: [],
      ...also,
    };
  },
  details: ['mode', 'owner', 'group'],
  sentence: ({ field, layer, before, after }, { path }) => {
    if (field === 'link') return `${path} is a symbolic link to ${String(before)}`;
    if (field !== 'content') return undefined;
    if (before === null) return `${path} is missing`;
    return after === null ? `${path} should not exist` : `${path} differs ${LAYER_WORDS[layer]}`;
  },
  text: ({ stdout }, props) => {
    const before = parse(stdout, props).saved?.content ?? null;
    return { path: props.path, before: before === null ? null : String(before), after: props.content };
  },
});

/** A file that is ours as a whole: content, mode, owner, group. */
export function file(props: FileProps): Resource {
  const content = props.content === null ? null : String(props.content);
  const secret = secretsIn(content).length > 0;
  if (secret && props.mode !== undefined && mayOthersRead(props.mode)) {
    throw new ProvisionError(
      'playbook',
      `file ${props.path} holds a secret, and everybody could read it by mode ${props.mode}.`,
      { hint: 'Leave `mode` out for 0600, or write 0640 and the group that reads it.' },
    );
  }
  return wholeFile({
    ...props,
    content,
    secret,
    ...(secret && props.mode === undefined ? { mode: '0600' } : {}),
  });
}
