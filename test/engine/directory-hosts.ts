import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { compile } from '../../src/engine/compile.ts';
import { readLock } from '../../src/engine/lock.ts';
import type { HostLock } from '../../src/engine/lock.ts';
import { release } from '../../src/engine/release.ts';
import type { Released } from '../../src/engine/release.ts';
import { rollback } from '../../src/engine/rollback.ts';
import { run } from '../../src/engine/run.ts';
import type { RunOptions, RunResult } from '../../src/engine/run.ts';
import type { TagChoice } from '../../src/engine/tags.ts';
import type { Places } from '../../src/engine/transaction-shell.ts';
import type { Check } from '../../src/model/check.ts';
import { ProvisionError } from '../../src/model/error.ts';
import type { RunEvent } from '../../src/model/event.ts';
import type { Host, Inventory } from '../../src/model/host.ts';
import type { Play, Serial } from '../../src/model/playbook.ts';
import type { Resource } from '../../src/model/resource.ts';
import type { Session, Target, Transport } from '../../src/model/transport.ts';
import { defineResource } from '../../src/resources/index.ts';
import { localTransport } from '../../src/transport/index.ts';

/**
 * Hosts that are directories on this machine: the engine's real scripts run in a real shell, and what they do to a
 * host is files in its directory ($HOST).
 */
export interface DirectoryHosts {
  readonly names: readonly string[];
  has(host: string, file: string): boolean;
  put(host: string, file: string): void;
  remove(host: string, file: string): void;
  files(host: string): string[];
  /** What provision keeps there. */
  kept(host: string): string[];
  /** From the nth connection on, the host cannot be reached. */
  cutFrom(host: string, connection: number): void;
  /** No new connection to the host succeeds while it has this file. */
  cutWhile(host: string, file: string): void;
  /** Connections made before the host has this file do not answer any more while it has it: they are silent, or dead. */
  loseOldOnes(host: string, file: string, how: 'silent' | 'dead'): void;
  /** Where a host keeps its transactions: `txn/…`, `journal`; and its locks. */
  state(host: string, file?: string): string;
  locks(host: string, file: string): string;
  /** An absolute path on a host. */
  at(host: string, file: string): string;
  run(
    plays: readonly Play[],
    options?: Partial<RunOptions> & { limit?: string; serial?: Serial; tags?: TagChoice },
  ): Promise<RunResult & { events: RunEvent[] }>;
  /** The same as `provision rollback`. */
  rollback(
    names: readonly string[],
    options?: { check?: boolean; run?: string },
  ): Promise<RunResult & { events: RunEvent[] }>;
  lock(host: string): Promise<HostLock>;
  release(host: string): Promise<Released>;
  close(): void;
}

/**
 * A file that must be there; `breaks` is a second file that appears with it; `undo` is another way back; `lockout` is
 * what it is said to do.
 */
export const flag = defineResource<
  { name: string; breaks?: string; step?: string; undo?: string; lockout?: string },
  { saved: { there: boolean } | null }
>({
  kind: 'flag',
  name: ({ name }) => name,
  desired: () => ({ saved: { there: true } }),
  probe: ({ name }) => `test -e "$HOST/${name}" && echo there`,
  parse: ({ stdout }) => (stdout.trim() === 'there' ? { saved: { there: true } } : { saved: null }),
  lockout: (_to, _facts, { lockout }) => lockout ?? null,
  transition: ({ to }, { name, breaks, step, undo }) => {
    const files = [name, ...(breaks ? [breaks] : [])].map((file) => `"$HOST/${file}"`).join(' ');
    return { steps: to.saved === null ? [undo ?? `rm -f ${files}`] : [step ?? `touch ${files}`] };
  },
});

/** Passes while the host it is asked from lacks that file. */
export const lacks = (from: string, file: string, over: Partial<Check> = {}): Check => ({
  name: `${from} lacks ${file}`,
  from,
  kind: 'lacks',
  to: file,
  expect: 'yes',
  when: 'always',
  onFail: 'warn',
  retries: 0,
  timeout: 1,
  script: `test -e "$HOST/${file}" && echo no || echo yes`,
  read: (output) => output.trim(),
  ...over,
});

export const roleOf = (...resources: Resource[]) => ({ name: 'test', build: () => ({ resources }) });

export function directoryHosts(...names: string[]): DirectoryHosts {
  const root = mkdtempSync(path.join(os.tmpdir(), 'provision-hosts-'));
  names.forEach((name) => mkdirSync(path.join(root, name)));
  const at = (host: string, file: string): string => path.join(root, host, file);
  const cuts = new Map<string, number>();
  const blocks = new Map<string, string>();
  const losing = new Map<string, { file: string; how: 'silent' | 'dead' }>();
  const connections = new Map<string, number>();
  const host = (name: string): Host => ({
    name,
    groups: ['all'],
    vars: {},
    connection: { address: name, become: false, jumps: [], hostKeys: [], via: 'local' },
    place: () => undefined,
  });
  const inventory: Inventory = {
    hosts: new Map(names.map((name) => [name, host(name)])),
    groups: new Map([['all', names]]),
    sources: [root],
    warnings: [],
  };
  const select = (pattern: string): string[] => (pattern === 'all' ? [...names] : pattern.split(','));
  const local = localTransport();
  const transport: Transport = {
    async connect(target) {
      const count = (connections.get(target.name) ?? 0) + 1;
      connections.set(target.name, count);
      const block = blocks.get(target.name);
      const blocked = block !== undefined && existsSync(at(target.name, block));
      if (blocked || count >= (cuts.get(target.name) ?? Number.POSITIVE_INFINITY)) {
        throw new ProvisionError('connection-refused', `${target.name} refuses the connection.`, {
          hint: 'Start sshd there.',
        });
      }
      const session = await local.connect(target);
      const lost = losing.get(target.name);
      const has = (): boolean => lost !== undefined && existsSync(at(target.name, lost.file));
      const older = !has();
      return {
        counts: session.counts,
        close: () => session.close(),
        exec: async (command, options) => {
          if (older && has()) {
            if (lost?.how === 'silent') return new Promise(() => undefined);
            throw new ProvisionError('connection-lost', `${target.name}: the connection was lost.`, {
              hint: 'Run again.',
            });
          }
          return session.exec(`HOST='${path.join(root, target.name)}'; export HOST; ${command}`, options);
        },
      };
    },
  };
  const targets = new Map(
    names.map((name): [string, Target] => [name, { name, connection: host(name).connection, jumps: [] }]),
  );
  const places = (name: string): Places => ({
    state: path.join(root, `${name}.state`),
    run: path.join(root, `${name}.run`),
  });
  const onHost = async <T>(
    name: string,
    work: (session: Session, target: Target) => Promise<T>,
  ): Promise<T> => {
    const target = targets.get(name) as Target;
    const session = await transport.connect(target);
    try {
      return await work(session, target);
    } finally {
      await session.close();
    }
  };
  return {
    names,
    has: (name, file) => existsSync(at(name, file)),
    put: (name, file) => writeFileSync(at(name, file), ''),
    remove: (name, file) => rmSync(at(name, file)),
    files: (name) => readdirSync(path.join(root, name)).sort(),
    kept: (name) => {
      const kept = path.join(root, `${name}.state`);
      return existsSync(kept) ? readdirSync(kept).sort() : [];
    },
    at,
    state: (name, file = '') => path.join(places(name).state, file),
    locks: (name, file) => path.join(places(name).run, file),
    cutWhile: (name, file) => void blocks.set(name, file),
    cutFrom: (name, connection) => cuts.set(name, connection),
    loseOldOnes: (name, file, how) => void losing.set(name, { file, how }),
    async run(plays, { limit, serial, tags, ...options } = {}) {
      connections.clear();
      const events: RunEvent[] = [];
      const compiled = compile({
        playbook: { kind: 'playbook', name: 'test', plays },
        inventory,
        render: () => '',
        select,
        limit,
        serial,
        tags,
        override: (name, vars) => ({ ...name.vars, ...vars }),
      });
      const result = await run(
        compiled,
        { check: false, forks: 5, confirmTimeout: 5, rollback: false, ...options },
        { targets, transport, controller: local, emit: (event) => events.push(event), places },
      );
      return { ...result, events };
    },
    async rollback(hosts, { check = false, run: wanted } = {}) {
      connections.clear();
      const events: RunEvent[] = [];
      const result = await rollback(
        hosts,
        { check, forks: 5, confirmTimeout: 5, rollback: false, run: wanted },
        { targets, transport, controller: local, emit: (event) => events.push(event), places },
      );
      return { ...result, events };
    },
    lock: (name) => onHost(name, (session, target) => readLock(session, target, places(name))),
    release: (name) =>
      onHost(name, (session, target) =>
        release(session, target, places(name), 'abandon', { run: 'lock-release', who: 'me@here', at: 'now' }),
      ),
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}
