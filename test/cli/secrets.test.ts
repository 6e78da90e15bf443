import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { errorsIn, playbookOf, projectFor } from './project.ts';
import type { Ended, Project } from './project.ts';

const network = fakeNetwork();
const FIXTURES = path.resolve('test/fixtures/secrets');

/** What stands in the fixtures, and what this test puts into the other sources. */
const MARKERS: Readonly<Record<string, string>> = {
  env: `M4RKER of env: "it's" <here>`,
  file: 'M4RKER-of-a-file',
  exec: 'M4RKER-of-a-program',
  json: 'M4RKER-of-json',
  vaultFile: 'marker-of-a-vault-file',
  vaultValue: 'marker-of-a-vault-value',
  ageFile: 'marker-of-an-age-file',
  ageValue: 'marker-of-an-age-text',
};
/** Parts that survive whatever quotes a text. */
const SEARCHED = ['M4RKER', ...Object.values(MARKERS).filter((marker) => marker.startsWith('marker'))];
/** The same in base64, wherever it begins in a text. */
const ENCODED = SEARCHED.flatMap((marker) =>
  [0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + marker)
      .toString('base64')
      .slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + marker.length) * 8) / 6)),
  ),
);

const found = (text: string): string[] => [...SEARCHED, ...ENCODED].filter((marker) => text.includes(marker));

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(directory, name))
    .filter((file) => statSync(file).isFile());

const FLAGS = [
  ...['--vault-password-file', 'keys/vault-password', '--vault-id', 'dev@keys/vault-password-dev'],
  ...['--age-identity', 'keys/age-identity'],
];
const ENV = { M4_ENV: MARKERS['env'], M4_JSON: MARKERS['json'] };

/** One file per source, with the secret inside a longer text, by a template and by hand. */
const FILES = `
  file({ path: here('by-hand'), content: \`env=\${vars.s_env}\\nfile=\${vars.s_file}\\nexec=\${vars.s_exec}\\n\` }),
  file({ path: here('json'), content: JSON.stringify({ a: vars.s_json, b: [vars.s_url] }) }),
  file({ path: here('vault'), content: String(vars.vault_text) + String(vars.value) }),
  file({ path: here('age'), content: vars.age_text }),
  file({ path: here('age-value'), content: vars.s_age }),
  file({ path: here('rendered'), content: template('app.env', vars) }),
`;

function makeProject(host: FakeHost, resources = FILES, head = ''): Project {
  const project = projectFor(
    network,
    { db1: host },
    playbookOf(resources, { head }).replace('{ host, vars }: any', '{ host, vars, template }: any'),
  );
  project.write(
    'inventory/hosts.yml',
    'all:\n  vars: { ansible_become: false }\n  hosts:\n    db1:\n    other:\n      unused: !secret exec:no-such-tool\n',
  );
  project.write(
    'inventory/group_vars/all/main.yml',
    [
      's_env: !secret env:M4_ENV',
      's_file: !secret file:../../../keys/file',
      's_exec: !secret exec:cat keys/program',
      's_json: { $secret: "env:M4_JSON" }',
      's_age: !secret age:../../../keys/age-1.1.1-binary.age',
      's_url: "https://u:{{ s_file }}@host/{{ vault_text }}"',
    ].join('\n'),
  );
  mkdirSync(project.at('inventory/group_vars/all'), { recursive: true });
  cpSync(FIXTURES, project.at('keys'), { recursive: true });
  for (const name of [
    'ansible-core-2.14.18-vault-1.1.yml',
    'ansible-core-2.14.18-value-1.2.yml',
    'age-1.1.1-armored.yml',
  ])
    cpSync(path.join(FIXTURES, name), project.at(`inventory/group_vars/all/${name}`));
  project.write('keys/file', `${MARKERS['file']}\n`);
  project.write('keys/program', `${MARKERS['exec']}\n`);
  project.write('templates/app.env.hbs', 'A={{sh s_env}}\nB={{s_url}}\n');
  return project;
}

const REPORTS = ['json', 'xml', 'md', 'html', 'ndjson'].map((form) => `report.${form}`);

const run = (project: Project, words: readonly string[] = [], env: NodeJS.ProcessEnv = ENV): Promise<Ended> =>
  project.provision(
    [
      'playbook.ts',
      ...[
        '-i',
        'inventory',
        '-l',
        'db1',
        '-F',
        project.setup.configFile,
        ...REPORTS.flatMap((name) => ['--report', name]),
        '--no-rollback',
      ],
      ...FLAGS,
      ...words,
    ],
    { env },
  );

/** All that was printed, and every report that was written. */
const told = (project: Project, ended: Ended): string =>
  [ended.stdout, ended.stderr, ...REPORTS.map((name) => readFileSync(project.at(name), 'utf8'))].join('\n');

/** Watches the arguments of every process of this machine, and the environment of those that a run has started. */
async function watching<T>(work: () => Promise<T>): Promise<{ result: T; seen: Set<string> }> {
  const seen = new Set<string>();
  let stopped = false;
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'latin1');
    } catch {
      return '';
    }
  };
  const look = async (): Promise<void> => {
    while (!stopped) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        const words = read(`/proc/${pid}/cmdline`);
        seen.add(words);
        // The command itself was given the environment by us, and programs of exec: are handed it on.
        const ours = ['main.js', 'jest', 'cat\0keys/program'].some((word) => words.includes(word));
        const environment = read(`/proc/${pid}/environ`);
        // Between fork and exec a process is still another one.
        if (!ours && words !== '' && read(`/proc/${pid}/cmdline`) === words) seen.add(environment);
      }
      await new Promise((resume) => setTimeout(resume, 2));
    }
  };
  const looking = look();
  const result = await work().finally(() => (stopped = true));
  await looking;
  return { result, seen };
}

describe('a secret of any source', () => {
  it('is written to its file, and shows in nothing that is said, kept or listed', async () => {
    const project = makeProject(await network.host());
    const { result: first, seen } = await watching(() => run(project, ['--diff', '-vvv']));
    expect([first.code, errorsIn(first.stderr)]).toEqual([0, []]);
    const written = filesBelow(project.at('remote'));
    expect(
      written.map((file) => [path.basename(file), (statSync(file).mode & 0o777).toString(8)]).sort(),
    ).toEqual(['age', 'age-value', 'by-hand', 'json', 'rendered', 'vault'].map((name) => [name, '600']));
    // It arrived, whatever signs are in it.
    const text = (name: string): string => readFileSync(project.at(`remote/${name}`), 'utf8');
    expect(text('by-hand')).toBe(`env=${MARKERS['env']}\nfile=${MARKERS['file']}\nexec=${MARKERS['exec']}\n`);
    expect(JSON.parse(text('json'))).toEqual({
      a: MARKERS['json'],
      b: [`https://u:${MARKERS['file']}@host/${MARKERS['vaultFile']}`],
    });
    expect(
      execFileSync('sh', ['-c', `. ${project.at('remote/rendered')}; printf %s "$A"`], { encoding: 'utf8' }),
    ).toBe(MARKERS['env']);

    expect(found(told(project, first))).toEqual([]);
    expect(first.stdout).toContain('its content is not shown');
    expect([...seen].filter((words) => found(words).length > 0)).toEqual([]);
    const state = filesBelow(project.at('remote-state-db1'));
    expect(state.map((file) => path.basename(file))).toEqual(
      expect.arrayContaining(['journal', 'plan.json', 'record.json']),
    );
    expect(state.filter((file) => found(readFileSync(file, 'latin1')).length > 0)).toEqual([]);

    const second = await run(project, ['--diff', '-vvv']);
    expect(second.stdout).toContain('changed=0');
    expect(found(told(project, second))).toEqual([]);
  });

  it('a new value: no old one shows, in plans neither', async () => {
    const project = makeProject(await network.host());
    await run(project);
    const rotated = { ...ENV, M4_ENV: 'an0ther value of env' };
    const plan = await run(project, ['--check', '--diff', '--out', 'plan.json', '-vvv'], rotated);
    expect([plan.code, plan.stdout]).toEqual([
      0,
      expect.stringContaining('differs in the saved configuration'),
    ]);
    const all = told(project, plan) + readFileSync(project.at('plan.json'), 'utf8');
    expect([found(all), all.includes('an0ther')]).toEqual([[], false]);
    expect((await run(project, ['--plan', 'plan.json'], rotated)).code).toBe(0);
    // The snapshot of the old file is as readable as the file was.
    const kept = filesBelow(project.at('remote-state-db1')).filter(
      (file) => found(readFileSync(file, 'latin1')).length > 0,
    );
    expect(
      kept.map((file) => [path.basename(path.dirname(file)), (statSync(file).mode & 0o777).toString(8)]),
    ).toEqual(kept.map(() => ['snapshot', '600']));
    expect(kept.length).toBeGreaterThan(0);
  });

  it('a step that fails and prints it', async () => {
    const prints = `command({ name: 'prints', check: 'false', run: sh\`cat \${here('by-hand')} \${here('vault')} >&2; base64 \${here('by-hand')}; exit 3\`, undo: 'true' })`;
    const project = makeProject(await network.host(), `${FILES} ${prints}`);
    const ended = await run(project, ['--diff', '-vvv']);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('exec=•••')]);
    expect(found(told(project, ended))).toEqual([]);
  });

  it('a crash, and a probe that cannot be understood', async () => {
    const crash = (what: string): string => `
import { defineResource } from 'provision';
const crashing = defineResource<{ name: string; token: unknown }, { saved: { a: string } | null }>({
  kind: 'crash', secrets: true, name: ({ name }) => name, desired: () => ({ saved: { a: 'x' } }), probe: () => 'true',
  parse: (_output, { token }) => { ${what} return { saved: null }; }, transition: () => ({ steps: ['true'] }),
});`;
    for (const [what, code, said] of [
      ['setImmediate(() => { throw new Error(`the crash said ${token}`); });', 1, 'the crash said •••'],
      ['throw new Error(`the parser said ${token}`);', 2, 'could not be understood'],
    ] as const) {
      const project = makeProject(
        await network.host(),
        `crashing({ name: 'x', token: vars.s_url })`,
        crash(what),
      );
      const ended = await run(project, ['-vvv', '--check']);
      expect(ended.stderr).toContain(said);
      expect(ended.code).toBe(code === 2 ? 2 : 1);
      expect(found(ended.stdout + ended.stderr)).toEqual([]);
    }
  });

  it('a template that fails, before anybody is contacted', async () => {
    const host = await network.host();
    const project = makeProject(host);
    project.write('templates/app.env.hbs', 'A={{s_url}}\nB={{s_url.nothing.there}}\n');
    const ended = await run(project, ['-vvv']);
    expect([ended.code, host.logins.length]).toEqual([5, 0]);
    expect(errorsIn(ended.stderr)).toMatchObject([{ code: 'template' }]);
    expect(found(told(project, ended))).toEqual([]);
  });

  it('commands that only look read none of them, and show dots', async () => {
    const project = makeProject(await network.host());
    const look = (...words: string[]): Promise<Ended> =>
      project.provision([...words, '-i', 'inventory', ...FLAGS]);
    for (const words of [
      ['inventory', 'list', '--json'],
      ['inventory', 'host', 'db1'],
      ['inventory', 'blame', 'db1'],
      ['validate', 'playbook.ts'],
      ['render', 'playbook.ts', '--out', 'rendered'],
    ]) {
      const ended = await look(...words);
      expect([words, ended.code, ended.stderr]).toEqual([words, 0, expect.not.stringContaining('error')]);
      expect(found(ended.stdout + ended.stderr)).toEqual([]);
    }
    const rendered = filesBelow(project.at('rendered')).map((file) => readFileSync(file, 'utf8'));
    expect(rendered.some((text) => text.includes('env=•••\n'))).toBe(true);
    expect(found(rendered.join())).toEqual([]);
  });

  it('control: what is no secret is found by the same search, everywhere', async () => {
    const planted = `file({ path: here('M4RKER'), content: 'it is M4RKER\\n' }),
      command({ name: 'shows', check: 'false', run: \`sh -c 'sleep 0.3; exit 3' M4RKER\`, undo: 'true' })`;
    const project = makeProject(await network.host(), planted);
    const { result: ended, seen } = await watching(() => run(project, ['--diff', '-vvv']));
    const reports = REPORTS.map((name) => readFileSync(project.at(name), 'utf8'));
    const state = filesBelow(project.at('remote-state-db1')).map((file) => readFileSync(file, 'utf8'));
    for (const text of [ended.stdout, ...reports, state.join()]) expect(found(text)).toContain('M4RKER');
    expect([...seen].some((words) => found(words).length > 0)).toBe(true);
    expect(found(Buffer.from('x M4RKER y').toString('base64')).length).toBeGreaterThan(0);
  });

  it('control: a process with it in its environment is found', async () => {
    const { seen } = await watching(
      () =>
        new Promise<void>((settle) => {
          spawn('sleep', ['0.3'], { env: { X: 'M4RKER' } }).on('close', () => settle());
        }),
    );
    expect([...seen].some((words) => words.includes('M4RKER'))).toBe(true);
  });
});

describe('a secret that cannot be had is one clear error, and no host is touched', () => {
  const one = `file({ path: here('x'), content: vars.wanted })`;
  const cases: readonly [string, string, readonly string[], string, string][] = [
    [
      'a missing tool',
      'wanted: !secret exec:no-such-tool get x',
      [],
      'exec:no-such-tool get x: no-such-tool is not installed, or not in PATH',
      'Install no-such-tool',
    ],
    [
      'an empty secret',
      'wanted: !secret env:M4_EMPTY',
      [],
      'the environment variable M4_EMPTY of env:M4_EMPTY is empty',
      'must not be empty',
    ],
    [
      'an unset variable',
      'wanted: !secret env:M4_UNSET',
      [],
      'env:M4_UNSET: this environment variable is not set',
      'Set it where provision runs',
    ],
    [
      'a wrong vault password',
      'wanted: "{{ value }}"',
      ['--vault-password-file', 'keys/vault-password'],
      'this value (vault id dev): no vault password that was given opens it (tried: default)',
      '--vault-password-file',
    ],
    [
      'no vault password',
      'wanted: "{{ value }}"',
      [],
      'this value is encrypted with ansible-vault (vault id dev), and no vault password was given',
      'ANSIBLE_VAULT_PASSWORD_FILE',
    ],
    [
      'a malformed vault value',
      'wanted: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3030',
      [],
      'this value is no whole text of ansible-vault: salt, HMAC and encrypted text are expected',
      'Encrypt it again',
    ],
    [
      'a password that nobody can be asked for',
      'wanted: "{{ value }}"',
      ['--vault-id', 'dev@prompt'],
      'a vault password would have to be asked for, and there is no terminal',
      '--vault-password-file FILE',
    ],
    [
      'another age identity',
      'wanted: !secret age:../keys/age-1.1.1-binary.age',
      ['--age-identity', 'keys/age-identity-other'],
      'age:../keys/age-1.1.1-binary.age: no age identity that was given opens it',
      '--age-identity',
    ],
  ];

  it.each(cases)('%s', async (_name, vars, flags, message, next) => {
    const [first, second] = [await network.host(), await network.host()];
    const project = projectFor(network, { db1: first, db2: second }, playbookOf(one));
    cpSync(FIXTURES, project.at('keys'), { recursive: true });
    project.write(
      'group_vars/all.yml',
      `${readFileSync(path.join(FIXTURES, 'ansible-core-2.14.18-value-1.2.yml'), 'utf8')}\n${vars}\n`,
    );
    const { code, stderr, report } = await project.run(flags, { env: { M4_EMPTY: '' } });
    expect([code, first.logins.length, second.logins.length]).toEqual([5, 0, 0]);
    expect(errorsIn(stderr)).toMatchObject([
      { code: 'inventory', message, next: expect.stringContaining(next) },
    ]);
    expect(report.errors).toMatchObject([{ code: 'inventory', message }]);
    expect(readdirSync(project.at('remote'))).toEqual([]);
  });

  it('an encrypted file is an error of the hosts that it is for; others go on without it', async () => {
    const [first, second] = [await network.host(), await network.host()];
    const project = projectFor(
      network,
      { db1: first, db2: second },
      playbookOf(`file({ path: here(host.name), content: 'x' })`),
    );
    project.write(
      'host_vars/db1.yml',
      readFileSync(path.join(FIXTURES, 'ansible-core-2.14.18-vault-1.1.yml'), 'utf8'),
    );
    const all = await project.run();
    expect([all.code, first.logins.length, second.logins.length]).toEqual([5, 0, 0]);
    expect(errorsIn(all.stderr).map(({ message }) => message)).toEqual([
      'this file is encrypted with ansible-vault, and no vault password was given',
    ]);
    const other = await project.run(['-l', 'db2']);
    expect([other.code, first.logins.length]).toEqual([0, 0]);
    expect(readdirSync(project.at('remote'))).toEqual(['db2']);
  });
});
