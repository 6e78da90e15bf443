import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

const FERRY = path.resolve('bench/ferry.mjs');

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

export interface Ferry {
  /** Connections to it go on into the namespace. */
  readonly socketFile: string;
  close(): void;
}

/**
 * A process that connects from inside a network namespace (`inside`: a command that enters it). Not nc(1): that holds small
 * packets back (Nagle), which made each login of anybody 80 ms longer than it is over a network.
 */
export async function openFerry(inside: readonly string[], socketFile: string): Promise<Ferry> {
  rmSync(socketFile, { force: true });
  const [command = process.execPath, ...words] = [...inside, process.execPath, FERRY, socketFile];
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return { socketFile, close: () => void child.stdin.end() };
}

/**
 * A port of 127.0.0.1 that leads to port 22 of an address, as seen from inside the namespace, with a round trip of so many
 * milliseconds. The kernel's netem is not everywhere.
 */
export function delayProxy(address: string, { socketFile }: Ferry, roundTripMs: number): Promise<Proxy> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const forward = (): void => {
      const link = connect({ path: socketFile, allowHalfOpen: true });
      link.write(`${address} 22\n`);
      delayed(socket, link, roundTripMs / 2);
      delayed(link, socket, roundTripMs / 2);
      socket.on('close', () => link.destroy());
    };
    // The round trip of TCP's own handshake.
    setTimeout(forward, roundTripMs);
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
