import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadInventory } from '../../../src/inventory/load.ts';
import { Keyring } from '../../../src/inventory/secrets/keyring.ts';
import type { Keys } from '../../../src/inventory/secrets/keyring.ts';
import { masked } from '../../../src/model/mask.ts';
import { problemsOf } from '../../../src/model/error.ts';
import { openSecrets, readSecrets, Secret, secretsIn } from '../../../src/model/secret.ts';
import type { Host } from '../../../src/model/host.ts';
import { directoryOf, problemsIn } from './fixture.ts';

const at = (name: string): string => resolve('test/fixtures/secrets', name);
const fixture = (name: string): string => readFileSync(at(name), 'utf8');
const VAULT_FILE = fixture('ansible-core-2.14.18-vault-1.1.yml');
const VAULT_VALUE = fixture('ansible-core-2.14.18-value-1.2.yml');
const PASSWORD = at('vault-password');
const DEV = at('vault-password-dev');
const AGE = at('age-identity');

const load = (files: Readonly<Record<string, string>>, keys: Keys = {}) =>
  loadInventory([directoryOf(files)], { keyring: new Keyring(keys) });
const HOSTS = 'all:\n  hosts:\n    a:\n    b:\n';

/** The only host's variables with the values of their secrets. */
async function openedVars(host: Host | undefined): Promise<Record<string, unknown>> {
  await readSecrets(secretsIn(host?.vars));
  return openSecrets({ ...host?.vars });
}

/** Why the secrets in a host's variables cannot be had. */
async function reasons(host: Host | undefined): Promise<readonly string[]> {
  const problems = await readSecrets(secretsIn(host?.vars)).then(() => [], problemsOf);
  return problems.map(({ message }) => message);
}

describe('ansible-vault', () => {
  test('a whole file: every text and number is a secret, references in it are followed', async () => {
    const { hosts } = await load(
      {
        'hosts.yml': HOSTS,
        'group_vars/all/vault.yml': VAULT_FILE,
        'group_vars/all/main.yml': 'domain: example.com\nuses: "x-{{ vault_text }}-{{ vault_number }}"',
      },
      { vaultSources: [`default@${PASSWORD}`] },
    );
    const vars = hosts.get('a')?.vars ?? {};
    expect(masked(JSON.stringify(vars))).toBe(
      JSON.stringify({
        domain: 'example.com',
        uses: '•••',
        vault_text: '•••',
        vault_number: '•••',
        vault_flag: true,
        vault_list: ['•••', { deep: '•••' }],
        vault_with_reference: '•••',
      }),
    );
    expect(await openedVars(hosts.get('a'))).toMatchObject({
      uses: 'x-marker-of-a-vault-file-54321',
      vault_number: '54321',
      vault_list: ['a-listed-marker', { deep: 'deep-marker' }],
      vault_with_reference: 'before-example.com-after',
    });
  });

  test('a value, by the password of its name, or by any other that opens it', async () => {
    const files = { 'hosts.yml': HOSTS, 'group_vars/all.yml': VAULT_VALUE };
    for (const vaultSources of [[`dev@${DEV}`], [`default@${PASSWORD}`, `default@${DEV}`]]) {
      const { hosts } = await load(files, { vaultSources });
      expect(await openedVars(hosts.get('a'))).toEqual({ value: 'marker-of-a-vault-value' });
    }
  });

  test('the same in JSON', async () => {
    const text = VAULT_VALUE.split('\n')
      .slice(1)
      .map((line) => line.trim());
    const { hosts } = await load(
      {
        'hosts.yml': HOSTS,
        'group_vars/all.json': JSON.stringify({ value: { __ansible_vault: text.join('\n') } }),
      },
      { vaultSources: [`dev@${DEV}`] },
    );
    expect(await openedVars(hosts.get('a'))).toEqual({ value: 'marker-of-a-vault-value' });
  });

  test('a password from a program, which is told the name when it is called …-client', async () => {
    const directory = directoryOf({
      'password-client.sh': `#!/bin/sh\n[ "$1 $2" = "--vault-id dev" ] && cat ${DEV}`,
      plain: `#!/bin/sh\ncat ${DEV}`,
    });
    for (const name of ['password-client.sh', 'plain']) chmodSync(join(directory, name), 0o755);
    for (const source of [
      `dev@${join(directory, 'password-client.sh')}`,
      `default@${join(directory, 'plain')}`,
    ]) {
      const { hosts } = await load(
        { 'hosts.yml': HOSTS, 'group_vars/all.yml': VAULT_VALUE },
        { vaultSources: [source] },
      );
      expect(await openedVars(hosts.get('a'))).toEqual({ value: 'marker-of-a-vault-value' });
    }
  });

  test('asked for on a terminal, once, and not at all where nothing needs it', async () => {
    const asked: string[] = [];
    const ask = (question: string): Promise<string> => {
      asked.push(question);
      return Promise.resolve(fixture('vault-password-dev').trim());
    };
    const files = { 'hosts.yml': HOSTS, 'group_vars/all.yml': `${VAULT_VALUE}\nagain: "{{ value }}"` };
    const { hosts } = await load(files, { vaultSources: ['dev@prompt'], ask });
    expect(asked).toEqual([]);
    await openedVars(hosts.get('a'));
    await openedVars(hosts.get('b'));
    expect(asked).toEqual(['Vault password (dev): ']);
  });

  test.each<[string, Keys, string]>([
    [
      'no password',
      {},
      'this value is encrypted with ansible-vault (vault id dev), and no vault password was given',
    ],
    [
      'a wrong one',
      { vaultSources: [`default@${PASSWORD}`] },
      'this value (vault id dev): no vault password that was given opens it (tried: default)',
    ],
    [
      'no file',
      { vaultSources: ['dev@/no/such/file'] },
      'vault password file /no/such/file: there is no such file',
    ],
    ['an empty file', { vaultSources: ['dev@/dev/null'] }, 'the vault password file /dev/null is empty'],
    [
      'no terminal',
      { vaultSources: ['dev@prompt'] },
      'a vault password would have to be asked for, and there is no terminal',
    ],
  ])('%s: one error for all that need it', async (_name, keys, message) => {
    const { hosts } = await load({ 'hosts.yml': HOSTS, 'group_vars/all.yml': VAULT_VALUE }, keys);
    expect(await reasons(hosts.get('a'))).toEqual([message]);
  });

  test('a file that cannot be opened locks its hosts and no others', async () => {
    const { hosts, warnings } = await load({
      'hosts.yml': 'all:\n  hosts:\n    a: { ansible_user: "{{ vault_user }}" }\n    b:\n',
      'host_vars/a.yml': VAULT_FILE,
    });
    const message = 'this file is encrypted with ansible-vault, and no vault password was given';
    expect(hosts.get('a')?.blocked).toMatchObject([{ code: 'inventory', message }]);
    expect(hosts.get('b')?.blocked).toBeUndefined();
    expect(warnings.map((each) => each.message)).toEqual([expect.stringContaining(message)]);
  });

  test('a file of hosts that cannot be opened is an error: nobody knows which hosts there are', async () => {
    const problems = await problemsIn(load({ 'hosts.yml': VAULT_FILE }));
    expect(problems.map(({ message }) => message)).toEqual([
      'this file is encrypted with ansible-vault, and no vault password was given',
    ]);
  });

  test.each([
    ['$ANSIBLE_VAULT;1.1;AES256\nzz', 'what follows the header is no hexadecimal text'],
    ['$ANSIBLE_VAULT;1.1;AES256\n30', 'salt, HMAC and encrypted text are expected'],
    ['$ANSIBLE_VAULT;2.0;AES256\n00', 'the format 2.0 is not known'],
    ['$ANSIBLE_VAULT;1.1;AES\n00', 'the cipher AES is not known'],
    [VAULT_FILE.slice(0, -100), 'what follows the header is no hexadecimal text'],
    [VAULT_FILE.split('\n').slice(0, 3).join('\n'), 'salt, HMAC and encrypted text are expected'],
  ])('a malformed file is an error without any password: %j', async (text, why) => {
    const problems = await problemsIn(load({ 'hosts.yml': HOSTS, 'group_vars/all.yml': text }));
    expect(problems.map(({ message }) => message)).toEqual([
      `this file is no whole text of ansible-vault: ${why}`,
    ]);
  });

  test('one changed letter is no other text: the password does not open it', async () => {
    const line = VAULT_FILE.split('\n')[5] ?? '';
    const changed = VAULT_FILE.replace(
      line,
      line.replace(/^3(.)/, (_all, next) => `3${next === '1' ? '2' : '1'}`),
    );
    const { hosts } = await load(
      { 'hosts.yml': HOSTS, 'group_vars/all.yml': changed },
      { vaultSources: [`default@${PASSWORD}`] },
    );
    expect(hosts.get('a')?.blocked?.[0]?.message).toMatch(
      /no vault password that was given opens it|no whole text/,
    );
  });

  test('what an encrypted file or value says of the connection is followed, and shown nowhere', async () => {
    const { hosts } = await load(
      {
        'hosts.yml':
          'all:\n  hosts:\n    a: { ansible_user: "{{ vault_list[0] }}", ansible_host: "{{ value }}.example" }\n',
        'group_vars/all/vault.yml': VAULT_FILE,
        'group_vars/all/value.yml': VAULT_VALUE,
      },
      { vaultSources: [`default@${PASSWORD}`, `dev@${DEV}`] },
    );
    const host = hosts.get('a');
    expect(host?.connection).toMatchObject({
      user: 'a-listed-marker',
      address: 'marker-of-a-vault-value.example',
    });
    expect(host?.vars['ansible_user']).toBeInstanceOf(Secret);
    expect(masked(JSON.stringify(host?.connection))).not.toContain('marker');
  });

  test('one that says how a host is reached, and cannot be opened, locks that host', async () => {
    const { hosts } = await load({
      'hosts.yml': `all:\n  hosts:\n    a:\n      ansible_user: !vault |\n${VAULT_VALUE.split('\n').slice(1).join('\n')}\n    b:\n`,
    });
    expect(hosts.get('a')?.blocked?.[0]?.message).toMatch(/^this value is encrypted with ansible-vault/);
    expect(hosts.get('a')?.blocked?.[0]?.place).toMatchObject({ line: 4 });
    expect(hosts.get('b')?.blocked).toBeUndefined();
  });
});

describe('age', () => {
  test('a whole file, a value, and a file beside the inventory', async () => {
    const directory = directoryOf({
      'hosts.yml': HOSTS,
      'group_vars/all/secrets.yml': fixture('age-1.1.1-armored.yml'),
      'group_vars/all/main.yml': `beside: !secret age:../../key.age\ninline: !secret |\n${fixture('age-1.1.1-armored.yml').replaceAll(/^/gm, '  ')}`,
    });
    writeFileSync(join(directory, 'key.age'), readFileSync(at('age-1.1.1-binary.age')));
    const { hosts } = await loadInventory([directory], { keyring: new Keyring({ ageIdentities: [AGE] }) });
    expect(await openedVars(hosts.get('a'))).toEqual({
      age_text: 'marker-of-an-age-file',
      beside: 'marker-of-an-age-text',
      inline: 'age_text: marker-of-an-age-file\n',
    });
  });

  test.each<[string, Keys, string]>([
    ['no identity', {}, 'this file is encrypted with age, and no identity was given'],
    [
      'another identity',
      { ageIdentities: [at('age-identity-other')] },
      'this file: no age identity that was given opens it',
    ],
    [
      'no file',
      { ageIdentities: ['/no/such/file'] },
      "the age identity /no/such/file cannot be used: ENOENT: no such file or directory, open '/no/such/file'",
    ],
    [
      'a key of another kind',
      { ageIdentities: [PASSWORD] },
      `the age identity ${PASSWORD} cannot be used: it holds something else than AGE-SECRET-KEY-1… identities`,
    ],
  ])('%s', async (_name, keys, message) => {
    const { hosts } = await load(
      { 'hosts.yml': HOSTS, 'group_vars/all.yml': fixture('age-1.1.1-armored.yml') },
      keys,
    );
    expect(hosts.get('a')?.blocked?.map((each) => each.message)).toEqual([message]);
  });

  test('a file that is cut off', async () => {
    const { hosts } = await load(
      { 'hosts.yml': HOSTS, 'group_vars/all.yml': `${fixture('age-1.1.1-armored.yml').slice(0, 150)}\n` },
      { ageIdentities: [AGE] },
    );
    expect(hosts.get('a')?.blocked?.[0]?.message).toMatch(/^this file is no whole text of age: /);
  });
});

describe('references', () => {
  const withSecret = (text: string, more: Readonly<Record<string, string>> = {}) =>
    load({ 'hosts.yml': HOSTS, 'group_vars/all.yml': `s: !secret ${text}\n`, ...more });

  test('env: is taken out of the environment that programs would get, and exec: gets it all the same', async () => {
    process.env['TEST_SECRET_OF_ENV'] = 'marker of env';
    const { hosts } = await load({
      'hosts.yml': HOSTS,
      'group_vars/all.yml':
        'a: !secret env:TEST_SECRET_OF_ENV\nb: { $secret: "exec:printenv TEST_SECRET_OF_ENV" }\nc: "{{ a }}"',
    });
    // Before it is read: programs may be started before that.
    expect(process.env['TEST_SECRET_OF_ENV']).toBeUndefined();
    expect(await openedVars(hosts.get('a'))).toEqual({
      a: 'marker of env',
      b: 'marker of env',
      c: 'marker of env',
    });
    expect(process.env['TEST_SECRET_OF_ENV']).toBeUndefined();
  });

  test('file: counts from the file that names it; a vault in it is opened', async () => {
    const { hosts } = await load(
      {
        'hosts.yml': HOSTS,
        'group_vars/all.yml': 'plain: !secret file:../.keys/plain\nvault: !secret file:../.keys/vault',
        '.keys/plain': 'marker of a file\n',
        '.keys/vault': VAULT_FILE,
      },
      { vaultSources: [`default@${PASSWORD}`] },
    );
    expect(await openedVars(hosts.get('a'))).toEqual({
      plain: 'marker of a file',
      vault: expect.stringMatching(/^vault_text: marker-of-a-vault-file\n/),
    });
  });

  test('exec: runs the words as they are, without a shell, once for all hosts that need it', async () => {
    const directory = directoryOf({ 'hosts.yml': HOSTS });
    const count = join(directory, 'count');
    writeFileSync(
      join(directory, 'hosts.yml'),
      `${HOSTS}  vars:\n    s: !secret exec:sh -c 'echo x >> ${count}; echo "marker of $1"' x "two words; echo"\n`,
    );
    const { hosts } = await loadInventory([directory]);
    expect(await openedVars(hosts.get('a'))).toEqual({ s: 'marker of two words; echo' });
    expect(await openedVars(hosts.get('b'))).toEqual({ s: 'marker of two words; echo' });
    expect(readFileSync(count, 'utf8')).toBe('x\n');
  });

  test.each([
    ['env:TEST_NOT_SET', 'env:TEST_NOT_SET: this environment variable is not set'],
    ['file:/no/such/file', 'file:/no/such/file: there is no such file'],
    ['file:/dev', 'file:/dev: this is no regular file of at most 1 MiB'],
    ['age:/etc/hostname', 'age:/etc/hostname is no whole text of age: its header is missing'],
    ['exec:no-such-tool get x', 'exec:no-such-tool get x: no-such-tool is not installed, or not in PATH'],
    ['exec:sh -c "echo no >&2; exit 3"', 'exec:sh -c "echo no >&2; exit 3": it ended with exit code 3: no'],
    ['exec:true', 'what true of exec:true prints is empty'],
    ['file:../.empty', 'file:../.empty is empty'],
  ])('%s: one error with its place', async (text, message) => {
    const { hosts } = await withSecret(text, { '.empty': '\n' });
    const problems = await readSecrets(secretsIn(hosts.get('a')?.vars)).then(() => [], problemsOf);
    expect(problems).toMatchObject([{ code: 'inventory', message, place: { line: 1, column: 12 } }]);
    expect(problems[0]?.hint).not.toBe('');
  });

  test('an empty environment variable', async () => {
    process.env['TEST_EMPTY'] = '';
    const { hosts } = await withSecret('env:TEST_EMPTY');
    expect(await reasons(hosts.get('a'))).toEqual([
      'the environment variable TEST_EMPTY of env:TEST_EMPTY is empty',
    ]);
  });

  test('nothing is read while the inventory is loaded', async () => {
    const directory = directoryOf({});
    const ran = join(directory, 'ran');
    await withSecret(`exec:touch ${ran}`);
    expect(() => readFileSync(ran)).toThrow('ENOENT');
  });

  test('in INI and in TypeScript they are mappings', async () => {
    process.env['TEST_IN_INI'] = 'marker in ini';
    const ini = await load({ hosts: `a s='{"$secret": "env:TEST_IN_INI"}'` });
    expect(await openedVars(ini.hosts.get('a'))).toEqual({ s: 'marker in ini' });
    const typed = await load({
      'hosts.ts': `export default { all: { hosts: { a: { s: { $secret: 'env:TEST_IN_INI' } } } } };`,
    });
    expect(await openedVars(typed.hosts.get('a'))).toEqual({ s: 'marker in ini' });
  });

  test('what a program prints must not make us read files or run programs; encrypted text it may print', async () => {
    const text = VAULT_VALUE.split('\n')
      .slice(1)
      .map((line) => line.trim())
      .join('\n');
    const print = (s: unknown): string =>
      `#!/bin/sh\ncat <<'X'\n${JSON.stringify({ web: ['a'], _meta: { hostvars: { a: { s } } } })}\nX\n`;
    const loadProgram = (s: unknown) => {
      const directory = directoryOf({ list: print(s) });
      chmodSync(join(directory, 'list'), 0o755);
      return loadInventory([directory], { keyring: new Keyring({ vaultSources: [`dev@${DEV}`] }) });
    };
    const problems = await problemsIn(loadProgram({ $secret: 'exec:touch /tmp/x' }));
    expect(problems.map(({ message }) => message)).toEqual([
      'exec: is refused in what a program prints: only encrypted text may stand there',
    ]);
    const { hosts } = await loadProgram({ __ansible_vault: text });
    expect(await openedVars(hosts.get('a'))).toEqual({ s: 'marker-of-a-vault-value' });
  });
});

describe('passwords of Ansible', () => {
  test('what sudo is told: by any of its names, never shown, and plain text is warned about', async () => {
    const { hosts, warnings } = await load({
      'hosts.yml':
        'all:\n  hosts:\n    a: { ansible_become_pass: plain-text-password, ansible_password: login-password }\n',
    });
    const host = hosts.get('a');
    expect(host?.connection.becomePassword?.reveal()).toBe('plain-text-password');
    expect(masked(JSON.stringify(host?.vars))).toBe('{"ansible_become_pass":"•••","ansible_password":"•••"}');
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^ansible_become_password stands here in plain text/),
      expect.stringMatching(/^ansible_password is not read: login is by key only/),
    ]);
  });

  test('a secret that is not read until it is needed', async () => {
    const { hosts } = await load({
      'hosts.yml': 'all:\n  hosts:\n    a: { ansible_become_password: "{{ pw }}" }\n',
      'group_vars/all.yml': 'pw: !secret env:TEST_NOT_SET_EITHER',
    });
    const secret = hosts.get('a')?.connection.becomePassword;
    expect(() => secret?.reveal()).toThrow('not been read');
    await expect(secret?.read()).rejects.toThrow(
      'env:TEST_NOT_SET_EITHER: this environment variable is not set',
    );
  });
});
