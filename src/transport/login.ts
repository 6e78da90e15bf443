import type { AuthHandlerMiddleware, BaseAgent, ParsedKey } from 'ssh2';
import { ProvisionError } from '../model/error.ts';
import { quote } from '../shell/quote.ts';
import { expandPath } from './ssh-config.ts';
import { fingerprintOf } from './known-hosts.ts';
import { PASSPHRASE_VARIABLE } from './keys.ts';
import type { KeyFile, KeyReader } from './keys.ts';
import { loginOf } from './stop.ts';
import type { Stop } from './stop.ts';

/** The keys to offer at one stop, in order, and how that went. */
export interface Login {
  readonly authHandler: AuthHandlerMiddleware;
  /** What was offered, for the message when all of it was refused. */
  readonly offered: readonly string[];
  /** Keys that were left out, each with its reason. */
  readonly passedOver: readonly string[];
  /** Ways to log in that the host still named when it refused: filled in while logging in. */
  accepted(): readonly string[];
}

/**
 * Chooses the keys as ssh does (`pubkey_prepare`): agent keys that the configuration names, the other agent keys,
 * then the files. With `ansible_ssh_private_key_file` or IdentitiesOnly, only keys that are named.
 * Rejects with ProvisionError `key-unreadable` when there is no key to offer.
 */
export async function planLogin(stop: Stop, keys: KeyReader, env: NodeJS.ProcessEnv): Promise<Login> {
  const { settings, connection } = stop;
  const explicit = connection.privateKeyFile;
  const paths = explicit === undefined ? settings.identityFiles : [explicit];
  const files = await Promise.all(paths.map(async (path) => ({ path, file: await keys.read(path) })));
  const agent = await readAgent(stop, env);
  const agentKeys = chooseAgentKeys(
    agent.keys,
    files.flatMap(({ file }) => publicKeyOf(file) ?? []),
    explicit !== undefined || settings.identitiesOnly,
  );

  const passedOver = agent.problem === undefined ? [] : [agent.problem];
  const remedies: string[] = [];
  const fileKeys: { path: string; key: ParsedKey }[] = [];
  for (const { path, file } of files) {
    const publicKey = publicKeyOf(file);
    if (publicKey !== undefined && agentKeys.some((key) => key.getPublicSSH().equals(publicKey))) continue;
    const opened = file.state === 'locked' && file.reason === 'is encrypted' ? await keys.unlock(path) : file;
    if (opened.state === 'open') fileKeys.push({ path, key: opened.key });
    else if (opened.state !== 'missing' || explicit !== undefined) {
      passedOver.push(`${path} ${opened.reason}`);
      remedies.push(remedyFor(path, opened));
    }
  }
  if (agentKeys.length === 0 && fileKeys.length === 0) throw noKeyError(stop, passedOver, remedies[0]);

  let accepted: readonly string[] = [];
  const user = settings.user;
  const attempts = [
    ...(agent.agent === undefined || agentKeys.length === 0
      ? []
      : [{ type: 'agent' as const, username: user, agent: await limitAgent(agent.agent, agentKeys) }]),
    ...fileKeys.map(({ key }) => ({ type: 'publickey' as const, username: user, key })),
  ];
  return {
    offered: [
      ...agentKeys.map(
        (key) => `agent ${key.comment === '' ? fingerprintOf(key.getPublicSSH()) : key.comment}`,
      ),
      ...fileKeys.map(({ path }) => path),
    ],
    passedOver,
    accepted: () => accepted,
    authHandler: (methodsLeft, _partialSuccess, next) => {
      // ssh2 passes null on the first call, whatever its types say.
      if (Array.isArray(methodsLeft)) accepted = methodsLeft;
      const attempt = attempts.shift();
      // False ends the attempts; the types of ssh2 leave it out.
      if (attempt === undefined) (next as unknown as (method: false) => void)(false);
      else next(attempt);
    },
  };
}

const publicKeyOf = (file: KeyFile): Buffer | undefined =>
  file.state === 'open' ? file.key.getPublicSSH() : file.state === 'locked' ? file.publicKey : undefined;

/** Named keys first, in the order of their files; the others unless only named ones may be used. */
export function chooseAgentKeys<Key extends { getPublicSSH(): Buffer }>(
  keys: readonly Key[],
  named: readonly Buffer[],
  onlyNamed: boolean,
): Key[] {
  const first = named.flatMap((publicKey) => keys.find((key) => key.getPublicSSH().equals(publicKey)) ?? []);
  return onlyNamed ? first : [...new Set([...first, ...keys])];
}

interface AgentKeys {
  readonly agent?: BaseAgent;
  readonly keys: readonly ParsedKey[];
  readonly problem?: string;
}

/** An agent that does not answer is no reason to fail: there may be key files. */
async function readAgent(stop: Stop, env: NodeJS.ProcessEnv): Promise<AgentKeys> {
  const socket = agentSocket(stop, env);
  if (socket === undefined) return { keys: [] };
  const { default: ssh2 } = await import('ssh2');
  const agent = ssh2.createAgent(socket);
  return new Promise((resolve) => {
    agent.getIdentities((error, keys) => {
      if (error) resolve({ keys: [], problem: `the agent at ${socket} does not answer` });
      else resolve({ agent, keys: (keys ?? []) as readonly ParsedKey[] });
    });
  });
}

/** The agent's socket by IdentityAgent of ssh_config(5), else SSH_AUTH_SOCK. */
export function agentSocket({ settings, connection }: Stop, env: NodeJS.ProcessEnv): string | undefined {
  const setting = settings.identityAgent ?? 'SSH_AUTH_SOCK';
  if (setting === 'none') return undefined;
  if (setting === 'SSH_AUTH_SOCK') return env['SSH_AUTH_SOCK'] === '' ? undefined : env['SSH_AUTH_SOCK'];
  if (setting.startsWith('$')) return env[setting.slice(1).replace(/^\{(.*)\}$/, '$1')];
  return expandPath(setting, { ...settings, name: connection.address });
}

/** The agent, showing only these keys: servers count every key offered (MaxAuthTries, 6 by default). */
async function limitAgent(agent: BaseAgent, keys: readonly ParsedKey[]): Promise<BaseAgent> {
  const { default: ssh2 } = await import('ssh2');
  const limited = Object.create(ssh2.BaseAgent.prototype) as BaseAgent;
  limited.getIdentities = (callback) => callback(null, [...keys]);
  limited.sign = agent.sign.bind(agent);
  return limited;
}

function remedyFor(path: string, file: KeyFile): string {
  if (file.state === 'locked') {
    return `Load the key with \`ssh-add ${quote(path)}\`, or set ${PASSPHRASE_VARIABLE}.`;
  }
  if (file.state === 'unusable' && file.remedy !== undefined) return file.remedy;
  return `Check \`ansible_ssh_private_key_file\`, or name another key with IdentityFile in the ssh_config.`;
}

function noKeyError(stop: Stop, passedOver: readonly string[], remedy: string | undefined): ProvisionError {
  const why = passedOver.length > 0 ? `: ${passedOver.join('; ')}` : '';
  return new ProvisionError(
    'key-unreadable',
    `${stop.who}: there is no key to log in with as ${loginOf(stop)}${why}`,
    {
      hint:
        remedy ?? 'Load a key with `ssh-add FILE`, or set `ansible_ssh_private_key_file` in the inventory.',
    },
  );
}
