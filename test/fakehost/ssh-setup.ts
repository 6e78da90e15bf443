import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '../../src/model/host.ts';
import type { Target } from '../../src/model/transport.ts';
import type { FakeHost } from './fake-host.ts';

/** A temporary ssh_config and known_hosts in which the fake hosts have names. */
export interface SshSetup {
  readonly directory: string;
  readonly configFile: string;
  readonly knownHostsFile: string;
  knownHosts(): string;
  remove(): void;
}

export interface SshSetupOptions {
  /** More lines for a host's block of the ssh_config, such as `ProxyJump gw1`. */
  readonly lines?: Readonly<Record<string, readonly string[]>>;
  /** Content of known_hosts; default: the right line for every host. */
  readonly knownHosts?: string;
  /** Lines for every host, before the defaults (agent off, no global known_hosts). */
  readonly everywhere?: readonly string[];
}

/** Writes the files: `Host NAME` logs in to the fake host as `tester` with its client key. */
export function writeSshSetup(
  hosts: Readonly<Record<string, FakeHost>>,
  options: SshSetupOptions = {},
): SshSetup {
  const directory = mkdtempSync(join(tmpdir(), 'fake-ssh-'));
  const configFile = join(directory, 'ssh_config');
  const knownHostsFile = join(directory, 'known_hosts');
  const blocks = Object.entries(hosts).map(([name, host]) =>
    [
      `Host ${name}`,
      ...(options.lines?.[name] ?? []),
      'HostName 127.0.0.1',
      `Port ${String(host.port)}`,
      'User tester',
      `IdentityFile ${host.clientKeyFile}`,
    ].join('\n  '),
  );
  const defaults = [
    'Host *',
    ...(options.everywhere ?? []),
    `UserKnownHostsFile ${knownHostsFile}`,
    'GlobalKnownHostsFile /dev/null',
    'IdentityAgent none',
  ].join('\n  ');
  writeFileSync(configFile, `${[...blocks, defaults].join('\n')}\n`);
  const lines = Object.values(hosts).map((host) => host.knownHostsLine());
  writeFileSync(knownHostsFile, options.knownHosts ?? lines.join(''));
  return {
    directory,
    configFile,
    knownHostsFile,
    knownHosts: () => readFileSync(knownHostsFile, 'utf8'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A target as the inventory would give it; its address is its name unless the connection says otherwise. */
export function targetOf(
  name: string,
  connection: Partial<Connection> = {},
  jumps: readonly Target[] = [],
): Target {
  return {
    name,
    connection: { address: name, become: false, jumps: [], hostKeys: [], via: 'ssh', ...connection },
    jumps,
  };
}
