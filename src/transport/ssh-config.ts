import { userInfo } from 'node:os';
import { sshProgram } from './ssh-program.ts';

/** What ssh_config(5) says about one host, with the defaults of OpenSSH where it says nothing. */
export interface SshSettings {
  /** `HostName`: what to connect to. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** 0 = either. */
  readonly addressFamily: 0 | 4 | 6;
  /** Absolute paths; they need not exist. */
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** `IdentityAgent` as written: a socket, `$NAME`, `SSH_AUTH_SOCK` or `none`. */
  readonly identityAgent?: string | undefined;
  readonly userKnownHostsFiles: readonly string[];
  readonly globalKnownHostsFiles: readonly string[];
  readonly hashKnownHosts: boolean;
  readonly hostKeyAlias?: string | undefined;
  /** Hops as written, `[user@]host[:port]` separated by commas, nearest first. */
  readonly proxyJump?: string | undefined;
  /** Its tokens (`%h` and so on) are not expanded yet. */
  readonly proxyCommand?: string | undefined;
  readonly proxyUseFdpass: boolean;
  /** As written; only ever mentioned, the mode is the caller's. */
  readonly strictHostKeyChecking?: string | undefined;
}

/** What is asked of ssh_config: the name as the inventory has it, and what the inventory decides itself. */
export interface SshQuestion {
  readonly address: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
}

export type ReadSshConfig = (question: SshQuestion) => Promise<SshSettings>;

const DEFAULT_IDENTITIES = ['id_rsa', 'id_ecdsa', 'id_ed25519'].map((name) => `~/.ssh/${name}`);
const DEFAULT_USER_KNOWN_HOSTS = ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'];
const DEFAULT_GLOBAL_KNOWN_HOSTS = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];

/**
 * Asks `ssh -G`, which alone knows Include, Match and canonical names, once per question and run. Where there is
 * no ssh program the configuration files are not read at all, and OpenSSH's defaults hold.
 * Rejects with ProvisionError `usage` when the configuration cannot be read.
 */
export function sshConfigReader(configFile: string | undefined, env: NodeJS.ProcessEnv): ReadSshConfig {
  const answers = new Map<string, Promise<SshSettings>>();
  const ask = sshProgram(env);
  return (question) => {
    const key = JSON.stringify([question.address, question.port, question.user]);
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = ask(sshArguments(question, configFile)).then((text) =>
      settingsFrom(parseSshConfig(text), question),
    );
    answers.set(key, answer);
    return answer;
  };
}

/** `--` comes before the host: a host called `-oProxyCommand=…` must stay a host. */
export function sshArguments(question: SshQuestion, configFile: string | undefined): string[] {
  return [
    '-G',
    '-T',
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...(question.port === undefined ? [] : ['-p', String(question.port)]),
    ...(question.user === undefined ? [] : ['-l', question.user]),
    '--',
    question.address,
  ];
}

/** Keyword (lower case) → its values in order, one per line of `ssh -G`. */
export function parseSshConfig(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at <= 0) continue;
    const keyword = line.slice(0, at).toLowerCase();
    values.set(keyword, [...(values.get(keyword) ?? []), line.slice(at + 1).trim()]);
  }
  return values;
}

/** Settings out of what `ssh -G` printed; an empty map gives the defaults. What the inventory says wins. */
export function settingsFrom(
  values: ReadonlyMap<string, readonly string[]>,
  question: SshQuestion,
): SshSettings {
  const one = (keyword: string): string | undefined => values.get(keyword)?.[0];
  const unlessNone = (keyword: string): string | undefined =>
    one(keyword) === 'none' ? undefined : one(keyword);
  const address = one('hostname') ?? question.address;
  const port = question.port ?? Number(one('port') ?? 22);
  const user = question.user ?? one('user') ?? userInfo().username;
  const paths = (list: readonly string[]): string[] =>
    list
      .filter((path) => path !== 'none')
      .map((path) => expandPath(path, { address, port, user, name: question.address }));
  const words = (keyword: string, otherwise: readonly string[]): string[] =>
    paths(one(keyword)?.split(' ').filter(Boolean) ?? otherwise);
  const family = one('addressfamily');
  return {
    address,
    port,
    user,
    addressFamily: family === 'inet' ? 4 : family === 'inet6' ? 6 : 0,
    identityFiles: paths(values.get('identityfile') ?? DEFAULT_IDENTITIES),
    identitiesOnly: one('identitiesonly') === 'yes',
    identityAgent: one('identityagent'),
    userKnownHostsFiles: words('userknownhostsfile', DEFAULT_USER_KNOWN_HOSTS),
    globalKnownHostsFiles: words('globalknownhostsfile', DEFAULT_GLOBAL_KNOWN_HOSTS),
    hashKnownHosts: one('hashknownhosts') === 'yes',
    hostKeyAlias: one('hostkeyalias'),
    proxyJump: unlessNone('proxyjump'),
    proxyCommand: unlessNone('proxycommand'),
    proxyUseFdpass: one('proxyusefdpass') === 'yes',
    strictHostKeyChecking: one('stricthostkeychecking'),
  };
}

/** What the tokens of ssh_config(5) stand for; `name` is the host as it was asked for. */
export interface TokenValues {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly name: string;
}

/** `ssh -G` leaves `~` and tokens in IdentityFile; a token it does not know stays, and no such file exists then. */
export function expandPath(path: string, values: TokenValues): string {
  const { homedir, username } = userInfo();
  const tokens: Record<string, string> = {
    '%': '%',
    d: homedir,
    u: username,
    h: values.address,
    n: values.name,
    p: String(values.port),
    r: values.user,
  };
  return path
    .replace(/^~(?=\/|$)/, homedir)
    .replace(/%(.)/g, (token, letter: string) => tokens[letter] ?? token);
}
