// The least that any tool on node-ssh can do: one connection and one exec for each host, all at once.
// node bench/floor.mjs KEY SCRIPT PORT...
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { NodeSSH } from 'node-ssh';

const [, , keyFile, scriptFile, ...ports] = process.argv;
const privateKey = readFileSync(keyFile, 'utf8');
const script = readFileSync(scriptFile, 'utf8');
await Promise.all(
  ports.map(async (port) => {
    const ssh = new NodeSSH();
    // Without noDelay a login takes 40 ms more: the least has it.
    const sock = connect({ host: '127.0.0.1', port: Number(port), noDelay: true });
    await ssh.connect({ sock, username: 'root', privateKey });
    const { stdout } = await ssh.execCommand('sh -s', { stdin: script });
    if (!stdout.includes(' end')) throw new Error(`port ${port}: the script did not run to its end`);
    ssh.dispose();
  }),
);
