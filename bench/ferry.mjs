// Runs inside a network namespace and connects for those outside, who reach it by a socket in the file system, which both
// share: node bench/ferry.mjs SOCKET. The first line of a connection says where to: "ADDRESS PORT".
import { connect, createServer } from 'node:net';

const [, , socketFile] = process.argv;
createServer({ allowHalfOpen: true }, (near) => {
  near.once('readable', () => {
    const [line, ...rest] = String(near.read() ?? '').split('\n');
    const [host, port] = line.split(' ');
    // As ssh and we ourselves do: what is held back for a full packet waits for the other side's late ACK, 40 ms.
    const far = connect({ host, port: Number(port), noDelay: true, allowHalfOpen: true });
    for (const stream of [near, far]) stream.on('error', () => [near, far].forEach((each) => each.destroy()));
    if (rest.join('\n') !== '') far.write(rest.join('\n'));
    near.pipe(far).pipe(near);
  });
}).listen(socketFile, () => process.stdout.write('open\n'));
process.stdin.resume().on('end', () => process.exit());
