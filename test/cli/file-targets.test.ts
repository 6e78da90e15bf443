import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, playbookOf, projectFor } from './project.ts';
import type { Project, Run } from './project.ts';

const network = fakeNetwork();
const idOf = (flag: string): string => spawnSync('id', [flag], { encoding: 'utf8' }).stdout.trim();
const motd = `file({ path: here('motd'), content: 'ours\\n', owner: '${idOf('-un')}', group: '${idOf('-gn')}' })`;

async function projectWith(resources: string): Promise<Project> {
  return projectFor(network, { db1: await network.host() }, playbookOf(resources));
}

const statusOf = (run: Run): unknown => [run.code, run.report.hosts[0]?.status];
const isLink = (file: string): boolean => lstatSync(file).isSymbolicLink();

/** A link in the place of the file, to a file of somebody else. */
function linkTo(project: Project, name: string): { link: string; target: string } {
  const [link, target] = [project.at('remote/motd'), project.at(name)];
  symlinkSync(target, link);
  return { link, target };
}

describe('case 25: the path of a file is something else', () => {
  it('a link: it is replaced, what it points to stays as it is, and the second run finds nothing', async () => {
    const project = await projectWith(motd);
    project.write('theirs', 'theirs\n');
    const { link, target } = linkTo(project, 'theirs');
    const check = await project.run(['--check']);
    expect(check.report.hosts[0]?.changes.map(({ sentence }) => sentence)).toContain(
      `${link} is a symbolic link to ${target}`,
    );
    expect(statusOf(await project.run())).toEqual([0, 'changed']);
    expect([isLink(link), readFileSync(link, 'utf8'), readFileSync(target, 'utf8')]).toEqual([
      false,
      'ours\n',
      'theirs\n',
    ]);
    expect(statusOf(await project.run())).toEqual([0, 'ok']);
  });

  it('a link to a file that has the right content already is no file of ours', async () => {
    const project = await projectWith(motd);
    project.write('theirs', 'ours\n');
    const { link } = linkTo(project, 'theirs');
    expect(statusOf(await project.run())).toEqual([0, 'changed']);
    expect(isLink(link)).toBe(false);
  });

  it('a dangling link: what it points to is not made', async () => {
    const project = await projectWith(motd);
    const { link, target } = linkTo(project, 'nowhere');
    expect(statusOf(await project.run())).toEqual([0, 'changed']);
    expect([isLink(link), existsSync(target)]).toEqual([false, false]);
  });

  it('taken back, each is the link that it was', async () => {
    for (const name of ['theirs', 'nowhere']) {
      const project = await projectWith(`[${motd}, broken('b')]`);
      project.write('theirs', 'theirs\n');
      const { link, target } = linkTo(project, name);
      expect(statusOf(await project.run())).toEqual([2, 'reverted']);
      expect([isLink(link), readlinkSync(link)]).toEqual([true, target]);
      expect(readFileSync(project.at('theirs'), 'utf8')).toBe('theirs\n');
      expect(existsSync(project.at('nowhere'))).toBe(false);
    }
  });

  it('a link to a directory: nothing is put into that directory', async () => {
    const project = await projectWith(motd);
    mkdirSync(project.at('theirs'));
    linkTo(project, 'theirs');
    const run = await project.run();
    expect(statusOf(run)).toEqual([2, 'reverted']);
    expect(errorsIn(run.stderr)[0]?.message).toContain('motd is a directory');
    expect(spawnSync('ls', ['-A', project.at('theirs')], { encoding: 'utf8' }).stdout).toBe('');
    expect(isLink(project.at('remote/motd'))).toBe(true);
  });

  it.each([['--check'], []])('a directory: refused by name, with nothing changed %s', async (...flags) => {
    const project = await projectWith(`[mark(host.name), ${motd}]`);
    mkdirSync(project.at('remote/motd'));
    writeFileSync(project.at('remote/motd/theirs'), 'theirs\n');
    const run = await project.run(flags);
    expect(statusOf(run)).toEqual([2, 'failed']);
    expect(errorsIn(run.stderr)).toEqual([
      expect.objectContaining({
        code: 'host-unsupported',
        message: `db1: ${project.at('remote/motd')} is a directory, and should be a file.`,
        next: expect.stringContaining('by hand'),
      }),
    ]);
    expect(readFileSync(project.at('remote/motd/theirs'), 'utf8')).toBe('theirs\n');
    expect(existsSync(project.at('remote/db1'))).toBe(false);
  });

  it('control: a step that writes the usual way does write through the link', async () => {
    const project = await projectWith(
      "command({ name: 'w', check: sh`grep -q ours ${here('motd')}`, run: sh`echo ours > ${here('motd')}`, undo: 'true' })",
    );
    const { link, target } = linkTo(project, 'nowhere');
    expect(statusOf(await project.run())).toEqual([0, 'changed']);
    expect([isLink(link), readFileSync(target, 'utf8')]).toEqual([true, 'ours\n']);
  });
});
