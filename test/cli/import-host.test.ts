import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { FakeAnswer, FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, MARKS, projectFor } from './project.ts';
import type { Ended, Project } from './project.ts';

const network = fakeNetwork();
const CAPTURE = readFileSync('test/fixtures/hosts/debian-12-seed-004.txt', 'utf8');

/** Says what a real balancer said that was set up by hand, and runs nothing. */
function balancer(_command: string, stdin: string): FakeAnswer | undefined {
  const [, nonce] = /^echo '@@(\w+) begin'$/m.exec(stdin) ?? [];
  return nonce === undefined ? undefined : { stdout: `@@${nonce} begin\n${CAPTURE}` };
}

async function oneHost(): Promise<{ host: FakeHost; project: Project }> {
  const host = await network.host({ answer: balancer });
  return { host, project: projectFor(network, { db1: host }, MARKS) };
}

const importing = (project: Project, name: string, ...flags: string[]): Promise<Ended> =>
  project.provision([
    'import',
    'host',
    name,
    '-i',
    'inventory.yml',
    '-F',
    project.setup.configFile,
    ...flags,
  ]);

describe('provision import host', () => {
  it('prints variables that validate, and on stderr what they cannot say: one connection, one exec', async () => {
    const { host, project } = await oneHost();
    const { code, stdout, stderr } = await importing(project, 'db1');
    expect([code, host.connections, host.execs]).toEqual([0, 1, 1]);
    expect(stdout).toMatch(/^# Made by `provision import host db1` from what the host does now\.$/m);
    expect(stdout).toMatch(
      /^# Put db1 into the group load-balancer, and look at: provision plan playbooks\/load-balancer\.ts -i /m,
    );
    expect(stdout).toContain('- { address: 10.1.160.14 }');
    const notes = stderr.split('\n').filter((line) => line.startsWith('note: '));
    expect(notes).toHaveLength(5);
    for (const note of notes) expect(stdout).toContain(`# - ${note.replace('note: ', '')}`);
    // As it is, for a host of the group that it names.
    project.write('host_vars/db1.yml', stdout);
    project.write('inventory.yml', 'all: { children: { load-balancer: { hosts: { db1: {} } } } }\n');
    const valid = await project.provision(['validate', '-i', 'inventory.yml']);
    expect([valid.code, valid.stderr]).toEqual([0, '']);
  });

  it('a name that the inventory does not have, and none at all', async () => {
    const { host, project } = await oneHost();
    const unknown = await importing(project, 'db9');
    expect([unknown.code, unknown.stdout, host.connections]).toEqual([5, '', 0]);
    expect(errorsIn(unknown.stderr)).toEqual([
      {
        code: 'usage',
        message: 'The inventory has no host db9.',
        next: expect.stringContaining('`provision inventory list'),
      },
    ]);
    const none = await project.provision(['import', 'host', '-i', 'inventory.yml']);
    expect([none.code, none.stdout]).toEqual([5, '']);
  });

  it('a host that cannot be reached: the error of every run, and nothing on stdout', async () => {
    const { host, project } = await oneHost();
    await host.close();
    const away = await importing(project, 'db1');
    expect([away.code, away.stdout]).toEqual([4, '']);
    expect(errorsIn(away.stderr)).toHaveLength(1);
  });

  it('writes nothing on the host: what it sends reads only', async () => {
    let sent = '';
    const host = await network.host({
      answer: (command, stdin) => {
        sent = stdin;
        return balancer(command, stdin);
      },
    });
    const project = projectFor(network, { db1: host }, MARKS);
    await importing(project, 'db1');
    // No redirection but to /dev/null, and none of the words that change something.
    expect(sent.replaceAll(/2?>\s*\/dev\/null|2>&1/g, '')).not.toMatch(/[^-]>/);
    expect(sent).not.toMatch(
      /\b(add|del|set|replace|flush|restore|start|enable|rm|mv|cp|tee|-X|POST|PUT|DELETE)\b/,
    );
    expect(sent).toContain('ip -j -d -4 addr show');
  });
});
