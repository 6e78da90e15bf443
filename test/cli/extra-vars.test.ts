import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { shownArgv } from '../../src/cli/shown-argv.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, everythingOf, playbookOf, projectFor } from './project.ts';
import type { Project } from './project.ts';

const network = fakeNetwork();
const { username } = userInfo();

/** What a host is told is in a file there. */
const TELLS = playbookOf(
  `file({ path: here(host.name), content: \`\${vars.word} \${vars.own}\\n\`, owner: '${username}', group: '${username}' })`,
  { play: "vars: { word: 'play' }" },
);

async function oneHost(playbook = TELLS): Promise<Project> {
  const vars = { word: 'inventory', own: 'inventory' };
  return projectFor(network, { db1: await network.host() }, playbook, { vars });
}

const told = (project: Project): string => readFileSync(project.at('remote/db1'), 'utf8');

describe('-e', () => {
  it('goes before inventory and play', async () => {
    const project = await oneHost();
    expect((await project.run()).code).toBe(0);
    expect(told(project)).toBe('play inventory\n');
    expect((await project.run(['-e', 'word=typed', '--extra-vars', '{"own": 7}'])).code).toBe(0);
    expect(told(project)).toBe('typed 7\n');
    project.write('vars/extra.yml', 'word: from a file\n');
    expect((await project.run(['-e', '@vars/extra.yml'])).code).toBe(0);
    expect(told(project)).toBe('from a file inventory\n');
  });

  it('goes before the options of a role', async () => {
    const gateway = (options: string): string =>
      `import { natGateway, play, playbook } from 'provision';
export default playbook('gateway', [play({ hosts: 'all', roles: [natGateway(${options})] })]);`;
    const project = await oneHost(gateway("{ nat: { engine: 'firewalld', masquerade: ['10.0.0.0/8'] } }"));
    const list = (...flags: string[]) =>
      project.provision(['playbook.ts', '-i', 'inventory.yml', '--list-tasks', ...flags]);
    const byOption = await list();
    const typed = await list('-e', '{"nat": {"engine": "nftables", "masquerade": ["10.0.0.0/8"]}}');
    expect([byOption.code, typed.code]).toEqual([0, 0]);
    expect(byOption.stdout).toMatch(/firewalld-zone:public/);
    expect(typed.stdout).not.toMatch(/firewalld-zone:public/);
  });

  it('hostile text is inert', async () => {
    const project = await oneHost();
    const hostile = `$(touch ${project.at('canary')})\`id\`'"; rm -rf x`;
    expect((await project.run(['-e', JSON.stringify({ word: hostile })])).code).toBe(0);
    expect(told(project)).toBe(`${hostile} inventory\n`);
  });

  it('its values are in no report; the names are', async () => {
    const project = await oneHost('export default 1;');
    const flags = [
      '-e',
      'token=hunter2',
      '-etoken2=hunter2',
      '--extra-vars=t3=hunter2',
      '-e',
      '{"t4": "hunter2"}',
    ];
    const run = await project.run(flags);
    expect(run.code).toBe(5);
    expect(everythingOf(run)).not.toContain('hunter2');
    expect(run.report.argv).toEqual(
      expect.arrayContaining(['-e', 'token=•••', '-etoken2=•••', '--extra-vars=t3=•••', '•••']),
    );
    expect(shownArgv(['-e', '@vars.yml', '-l', 'a=b'])).toEqual(['-e', '@vars.yml', '-l', 'a=b']);
  });

  it.each([['word'], ['{"word": '], ['@nowhere.yml'], ['ansible_port=eighty']])(
    '%s: exit 5, nobody is contacted',
    async (typed) => {
      const host = await network.host();
      const run = await projectFor(network, { db1: host }, TELLS).run(['-e', typed]);
      expect([run.code, host.connections]).toEqual([5, 0]);
      expect(errorsIn(run.stderr)[0]?.next).not.toBeNull();
    },
  );
});
