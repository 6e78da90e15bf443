import type { Duplex } from 'node:stream';
import type { Client, ConnectConfig } from 'ssh2';
import { orAbort, within } from './abort.ts';

const FAREWELL_MS = 500;

/** A logged-in SSH connection, which tells when it ends. */
export interface Link {
  readonly client: Client;
  /** Resolves when the connection is gone, with the reason if there was one. Never rejects. */
  readonly ended: Promise<Error | undefined>;
  /** Says goodbye and waits a moment for the other side; the socket is gone afterwards. */
  close(): Promise<void>;
  /** Cuts the connection at once. */
  destroy(): void;
}

/**
 * Logs in over a stream, which the link owns. It is opened here, so that ssh2 listens before it can fail. Rejects
 * with ssh2's error, or with the signal's reason.
 *
 * Three defects are closed here. node-ssh takes its 'error' listener away once connected, so that a later ECONNRESET
 * ends the process (steelbrain/node-ssh#421): ours stays for good. It gives up at an error of the agent although ssh2
 * goes on with the next key: hence the wait for ssh2's own events. And ssh2's destroy() does nothing after end():
 * hence the stream is destroyed itself.
 */
export async function openLink(
  open: () => Duplex,
  config: ConnectConfig,
  signal: AbortSignal,
): Promise<Link> {
  const { NodeSSH } = await import('node-ssh');
  const ssh = new NodeSSH();
  signal.throwIfAborted();
  const stream = open();
  const begun = ssh.connect({ ...config, sock: stream, readyTimeout: 0 } as Parameters<
    typeof ssh.connect
  >[0]);
  const client = ssh.connection;
  if (client === null) {
    stream.destroy();
    throw await begun.then(
      () => new Error('no connection'),
      (error: unknown) => error,
    );
  }
  begun.catch(() => undefined);

  let reason: Error | undefined;
  const ended = new Promise<Error | undefined>((resolve) => {
    const end = (): void => {
      stream.destroy();
      resolve(reason);
    };
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level === 'agent') return;
      reason ??= error;
      end();
    });
    client.on('end', end);
    client.on('close', end);
  });
  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    void ended.then((error) => reject(error ?? new Error('the host closed the connection')));
  });
  const destroy = (): void => void stream.destroy();
  try {
    await orAbort(ready, signal);
  } catch (error) {
    destroy();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    client.end();
    await within(ended, FAREWELL_MS);
    destroy();
  };
  return { client, ended, destroy, close: () => (closed ??= close()) };
}
