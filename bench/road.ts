import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Lab } from '../src/lab/index.ts';
import { delayProxy, openFerry } from './delay-proxy.ts';

/** A way to all hosts of the lab, the same for everybody who is timed. */
export interface Road {
  readonly roundTripMs: number;
  readonly sshConfig: string;
  readonly portOf: ReadonlyMap<string, number>;
  readonly keyFile: string;
  readonly knownHosts: string;
  close(): void;
}

const setting = (config: string, name: string): string =>
  new RegExp(`^\\s*${name} (.+)$`, 'm').exec(config)?.[1]?.trim() ?? '';

/** Opens a proxy for each host, and writes an ssh_config and a known_hosts for them. */
export async function openRoad(lab: Lab, directory: string, roundTripMs: number): Promise<Road> {
  const config = readFileSync(lab.sshConfig, 'utf8');
  const known = readFileSync(setting(config, 'UserKnownHostsFile'), 'utf8').split('\n');
  const keyFile = setting(config, 'IdentityFile');
  const ferry = await openFerry(lab.controllerCommand, path.join(directory, 'ferry.sock'));
  const proxies = await Promise.all(
    lab.hosts.map(async (host) => {
      const proxy = await delayProxy(host.address, ferry, roundTripMs);
      const line = known.find((each) => (each.split(' ')[0] ?? '').split(',').includes(host.address)) ?? '';
      return { ...host, ...proxy, key: line.split(' ').slice(1).join(' ') };
    }),
  );
  const knownHosts = path.join(directory, `known_hosts-${roundTripMs}`);
  writeFileSync(knownHosts, proxies.map(({ port, key }) => `[127.0.0.1]:${port} ${key}\n`).join(''));
  const sshConfig = path.join(directory, `ssh_config-${roundTripMs}`);
  const blocks = proxies.map(
    ({ name, address, port }) => `Host ${name} ${address}\n  HostName 127.0.0.1\n  Port ${port}\n`,
  );
  const all = [
    'Host *',
    'User root',
    `IdentityFile ${keyFile}`,
    'IdentitiesOnly yes',
    'IdentityAgent none',
    `UserKnownHostsFile ${knownHosts}`,
    'GlobalKnownHostsFile /dev/null',
    'StrictHostKeyChecking yes',
  ];
  writeFileSync(sshConfig, `${blocks.join('\n')}\n${all.join('\n  ')}\n`);
  return {
    ...{ roundTripMs, sshConfig, keyFile, knownHosts },
    portOf: new Map(proxies.map(({ name, port }) => [name, port])),
    close: () => [...proxies, ferry].forEach((each) => each.close()),
  };
}
