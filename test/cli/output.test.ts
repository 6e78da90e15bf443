import { describe, expect, it } from '@jest/globals';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { MARKS, playbookOf, projectFor } from './project.ts';
import type { Project } from './project.ts';

const network = fakeNetwork();

const ESCAPE = '\u001B';
/** Cursor movement, erased lines and the like: all that is no colour. */
const NOT_A_COLOUR = /\u001B(?!\[[\d;]*m)/;

async function twoHosts(playbook = MARKS): Promise<Project> {
  return projectFor(network, { db1: await network.host(), webserver2: await network.host() }, playbook);
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

describe('standard output and standard error', () => {
  it('results go to stdout, in a form that does not change between runs; progress to stderr', async () => {
    const project = await twoHosts();
    const first = await project.run();
    expect(linesOf(first.stdout).slice(-3)).toEqual([
      'RECAP',
      'db1        : ok=1 changed=1 unreachable=0 failed=0 skipped=0 verified=0 reverted=0',
      'webserver2 : ok=1 changed=1 unreachable=0 failed=0 skipped=0 verified=0 reverted=0',
    ]);
    const changes = linesOf(first.stdout).filter((line) => line.includes('~ '));
    expect(changes.map((line) => line.split(' ')[0]).sort()).toEqual(['db1', 'webserver2']);
    expect(linesOf(first.stdout).length).toBe(changes.length + 3);
    expect(first.stderr).toContain('own resources');
    expect(first.stderr).not.toContain('RECAP');

    const second = await project.run();
    expect(second.stdout).toBe(
      [
        '',
        'RECAP',
        'db1        : ok=1 changed=0 unreachable=0 failed=0 skipped=0 verified=0 reverted=0',
        'webserver2 : ok=1 changed=0 unreachable=0 failed=0 skipped=0 verified=0 reverted=0',
        '',
      ].join('\n'),
    );
    expect(second.stderr).toContain('nothing to change');
  });

  it('every line of progress names its host, or the whole run', async () => {
    const project = await twoHosts(playbookOf('[mark(host.name), mark("shared-" + host.name)]'));
    const { stderr } = await project.run(['-v']);
    const lines = linesOf(stderr);
    const ofHosts = lines.filter((line) => /^(db1|webserver2)\s{2,}\S/.test(line));
    const ofTheRun = lines.filter(
      (line) =>
        line.startsWith('own resources  run ') ||
        line.startsWith('play ') ||
        line.startsWith('warning: --no-rollback'),
    );
    expect(lines.filter((line) => !ofHosts.includes(line) && !ofTheRun.includes(line))).toEqual([]);
    expect(ofHosts.some((line) => line.includes('apply'))).toBe(true);
    expect(ofTheRun.length).toBe(3);
  });

  it('what a failed step printed is shown with -vv, each line with its host', async () => {
    const project = await twoHosts(playbookOf('broken(host.name)'));
    const { stderr } = await project.run(['-vv']);
    expect(linesOf(stderr).filter((line) => /^(db1|webserver2) +the disk is full$/.test(line))).toHaveLength(
      2,
    );
  });

  it('-q keeps changes and errors', async () => {
    const project = await twoHosts();
    const quiet = await project.run(['-q']);
    // Whether this machine has an IPv6 route is not what is asked here.
    expect(linesOf(quiet.stderr).filter((line) => !/IPv6 route|--no-rollback/.test(line))).toEqual([]);
    expect(linesOf(quiet.stdout)).toHaveLength(2);
    expect((await project.run(['-q'])).stdout).toBe('');
  });

  it('a schema on stdout can be piped: nothing else is there', async () => {
    const project = await twoHosts();
    for (const what of ['inventory', 'report']) {
      const { code, stdout, stderr } = await project.provision(['schema', what]);
      expect([code, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toHaveProperty('$schema');
    }
  });
});

describe('colours', () => {
  it('none without a terminal, whatever TERM says; FORCE_COLOR brings them, NO_COLOR takes them', async () => {
    const project = await twoHosts();
    const plain = await project.run(['--check'], { env: { TERM: 'xterm-256color' } });
    expect(plain.stdout + plain.stderr).not.toContain(ESCAPE);
    const forced = await project.run(['--check'], { env: { FORCE_COLOR: '1' } });
    expect(forced.stdout).toContain(ESCAPE);
    expect(forced.stderr).toContain(ESCAPE);
    expect(forced.stdout + forced.stderr).not.toMatch(NOT_A_COLOUR);
    const both = await project.run(['--check'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } });
    expect(both.stdout + both.stderr).not.toContain(ESCAPE);
    // Colours are all that they add.
    expect(linesOf(forced.stdout.replaceAll(/\u001B\[[\d;]*m/g, '')).sort()).toEqual(
      linesOf(plain.stdout).sort(),
    );
  });

  it('errors too', async () => {
    const project = await twoHosts();
    project.write('inventory.yml', 'all: [');
    expect((await project.run()).stderr).not.toContain(ESCAPE);
    expect((await project.run([], { env: { FORCE_COLOR: '1' } })).stderr).toContain(ESCAPE);
  });
});
