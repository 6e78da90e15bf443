import { afterEach } from '@jest/globals';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Connection } from '../../src/model/host.ts';
import type { Session, Target, Transport } from '../../src/model/transport.ts';
import { sshTransport } from '../../src/transport/index.ts';
import type { SshOptions } from '../../src/transport/index.ts';
import { startFakeHost } from './fake-host.ts';
import type { FakeHost, FakeHostOptions } from './fake-host.ts';
import { targetOf, writeSshSetup } from './ssh-setup.ts';
import type { SshSetup, SshSetupOptions } from './ssh-setup.ts';

export interface LoginOptions {
  /** Default `db1`. */
  readonly name?: string;
  readonly connection?: Partial<Connection>;
  readonly jumps?: readonly Target[];
  readonly options?: Partial<SshOptions>;
  /** Default: ssh2. */
  readonly by?: (options: SshOptions) => Transport;
}

/** Hosts, files and sessions that end with each test. Call it once at the top of a test file. */
export interface FakeNetwork {
  readonly host: (options?: FakeHostOptions) => Promise<FakeHost>;
  readonly setup: (hosts: Readonly<Record<string, FakeHost>>, options?: SshSetupOptions) => SshSetup;
  readonly login: (setup: SshSetup, options?: LoginOptions) => Promise<Session>;
  readonly unusedPort: () => Promise<number>;
  readonly atEnd: (cleanUp: () => unknown) => void;
}

export function fakeNetwork(): FakeNetwork {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  return {
    atEnd: (cleanUp) => void cleanUps.push(cleanUp),
    host: async (options) => {
      const host = await startFakeHost(options);
      cleanUps.push(() => host.close());
      return host;
    },
    setup: (hosts, options) => {
      const setup = writeSshSetup(hosts, options);
      cleanUps.push(() => setup.remove());
      return setup;
    },
    login: async (setup, { name = 'db1', connection, jumps, options, by = sshTransport } = {}) => {
      const transport = by({
        configFile: setup.configFile,
        hostKeyChecking: 'strict',
        connectTimeoutMs: 5000,
        env: { PATH: process.env['PATH'] },
        ...options,
      });
      const session = await transport.connect(targetOf(name, connection, jumps));
      cleanUps.push(() => session.close());
      return session;
    },
    unusedPort: async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return port;
    },
  };
}
