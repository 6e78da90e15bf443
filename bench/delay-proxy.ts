import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

export interface Proxy {
  readonly port: number;
  close(): void;
}

/** Hands bytes on after a while, in their order, and the end after them. */
function delayed(from: Readable, to: Writable, ms: number): void {
  const later = (act: () => void): void => void (ms === 0 ? act() : setTimeout(act, ms));
  from.on('data', (chunk: Buffer) => later(() => to.writable && to.write(chunk)));
  from.on('end', () => later(() => to.end()));
  for (const stream of [from, to]) stream.on('error', () => [from, to].forEach((each) => each.destroy()));
}

/**
 * A port of 127.0.0.1 that leads to port 22 of an address, as seen by `inside` (a command that enters a network
 * namespace), with a round trip of so many milliseconds. The kernel's netem is not everywhere.
 */
export function delayProxy(address: string, inside: readonly string[], roundTripMs: number): Promise<Proxy> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const connect = (): void => {
      const [command = 'nc', ...words] = [...inside, 'nc', address, '22'];
      const link = spawn(command, words, { stdio: ['pipe', 'pipe', 'ignore'] });
      delayed(socket, link.stdin, roundTripMs / 2);
      delayed(link.stdout, socket, roundTripMs / 2);
      socket.on('close', () => link.kill());
    };
    // The round trip of TCP's own handshake.
    setTimeout(connect, roundTripMs);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const close = (): void => {
        server.close();
        for (const socket of open) socket.destroy();
      };
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}
