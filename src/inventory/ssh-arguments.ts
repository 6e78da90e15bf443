import { causeMessage } from './cause.ts';
import { shellWords } from './shell-words.ts';

/** What `ansible_ssh_common_args` and its kin come to here. */
export interface SshArguments {
  /** Hosts to jump through, as `jump:` names them. */
  readonly jump?: string;
  /** Why they cannot be followed: they would run a program on this machine. */
  readonly refused?: string;
  /** What has no effect here, with what has. */
  readonly warnings: readonly { readonly message: string; readonly hint: string }[];
}

/** Flags of ssh(1) with a value. */
const VALUED = 'BbcDEeFIiJLlmOoPpQRSWw';
/** What tunes a connection and does not say where it leads. */
const HARMLESS =
  /^(?:control(?:master|path|persist)|serveralive(?:interval|countmax)|tcpkeepalive|compression|connect(?:timeout|ionattempts)|forwardagent|forwardx11|identitiesonly|preferredauthentications|pubkeyauthentication|passwordauthentication|kbdinteractiveauthentication|gssapi\w*|batchmode|loglevel|requesttty|sendenv|setenv|ciphers|macs|kexalgorithms|ipqos|addkeystoagent|addressfamily|numberofpasswordprompts|visualhostkey)$/;
const HOST_KEYS =
  /^(?:stricthostkeychecking|(?:user|global)knownhostsfile|checkhostip|updatehostkeys|hostkeyalgorithms|hashknownhosts|verifyhostkeydns)$/;
const SAY_IT: Readonly<Record<string, string>> = {
  i: 'ansible_ssh_private_key_file',
  identityfile: 'ansible_ssh_private_key_file',
  l: 'ansible_user',
  user: 'ansible_user',
  p: 'ansible_port',
  port: 'ansible_port',
  hostname: 'ansible_host',
};

interface Option {
  /** A letter of ssh(1), or the name of an ssh_config(5) option in lower case. */
  readonly name: string;
  readonly value: string;
}

interface CommandLine {
  readonly options: readonly Option[];
  readonly rest: readonly string[];
}

function parse(words: readonly string[]): CommandLine {
  const options: Option[] = [];
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (!/^-./.test(word)) {
      rest.push(word);
      continue;
    }
    // Letters without a value may stand together, before one with a value: -qW %h:%p
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      if (!VALUED.includes(letter)) continue;
      const value = at + 1 < word.length ? word.slice(at + 1) : (words[++index] ?? '');
      const [, name, text] = letter === 'o' ? (/^\s*(\w+)\s*[=\s]\s*(.*)$/s.exec(value) ?? []) : [];
      if (name === undefined) options.push({ name: letter, value });
      else options.push({ name: name.toLowerCase(), value: (text ?? '').trim() });
      break;
    }
  }
  return { options, rest };
}

/** The jump host in `ssh -W %h:%p … [user@]host`, the old way to write ProxyJump; undefined = any other command. */
function jumpIn(command: string): string | undefined {
  // ssh_config(5): the command may begin with exec.
  const [program = '', ...words] = shellWords(command.replace(/^exec\s+/, ''));
  const { options, rest } = parse(words);
  const last = (...names: string[]): string | undefined =>
    options.findLast(({ name }) => names.includes(name))?.value;
  const [host, ...more] = rest;
  if (!/^(?:\/usr\/bin\/)?ssh$/.test(program) || more.length > 0 || host === undefined) return undefined;
  if (!/^\[?%h\]?:%p$/.test(last('W') ?? '')) return undefined;
  if (options.some(({ name }) => /command$/.test(name) || name === 'f')) return undefined;
  const user = last('l', 'user');
  const port = last('p', 'port');
  return `${user === undefined || host.includes('@') ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
}

/** Reads arguments that Ansible would hand to ssh. The way over jump hosts is followed; no program is ever run. */
export function readSshArguments(key: string, text: string): SshArguments {
  const warnings: { message: string; hint: string }[] = [];
  const warn = (what: string, hint: string): void => void warnings.push({ message: `${key}: ${what}`, hint });
  let jump: string | undefined;
  try {
    for (const { name, value } of parse(shellWords(text)).options) {
      if (name === 'j' || name === 'J' || name === 'proxyjump') {
        if (value.toLowerCase() !== 'none') jump ??= value;
      } else if (name === 'proxycommand') {
        if (value.toLowerCase() === 'none') continue;
        const found = jumpIn(value);
        if (found === undefined) return { refused: value, warnings };
        jump ??= found;
      } else if (/command$/.test(name) || name === 'include' || name === 'pkcs11provider')
        return { refused: value, warnings };
      else if (HOST_KEYS.test(name))
        warn('host keys are checked as --host-key-checking says', 'Take it out, or pin keys by host_keys');
      else if (name === 'F') warn('another ssh_config is not followed', `Give it as a flag: -F ${value}`);
      else if (SAY_IT[name] !== undefined) warn(`-${name} has no effect here`, `Write ${SAY_IT[name]}`);
      else if (!HARMLESS.test(name)) warn(`${name} has no effect here`, 'Put it into your ~/.ssh/config');
    }
  } catch (error) {
    warn(`cannot be read: ${causeMessage(error)}`, 'Mend the quotes');
  }
  return { ...(jump === undefined ? {} : { jump: jump.replaceAll(/\s+/g, '') }), warnings };
}
