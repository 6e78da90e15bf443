import { homedir } from 'node:os';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { loadInventory } from '../../../src/inventory/load.ts';
import { complaintsAbout, directoryOf, hostIn, loadFiles, loadText, problemsIn } from './fixture.ts';

const onlyProblem = async (load: Promise<unknown>) => {
  const problems = await problemsIn(load);
  expect(problems).toHaveLength(1);
  return problems[0];
};

describe('layout', () => {
  test('a directory: inventory files by name, group_vars and host_vars as files and directories', async () => {
    const { hosts, groups } = await loadFiles({
      'a.yml': 'web: { hosts: { "web[01:02]": } }',
      'b.yaml': 'db: { hosts: { db-a: { from: b } } }',
      'README.md': '# not read',
      'group_vars/all.yml': 'from: all\nall: 1',
      'group_vars/web/1.yml': 'from: web\none: 1\ntwo: 1',
      'group_vars/web/2.yml': 'two: 2',
      'group_vars/db': 'bare: true',
      'host_vars/web01.json': '{ "json": [1, 2] }',
    });
    expect([...hosts.keys()]).toEqual(['web01', 'web02', 'db-a']);
    expect(hosts.get('web01')?.vars).toEqual({ from: 'web', all: 1, one: 1, two: 2, json: [1, 2] });
    expect(hosts.get('db-a')?.vars).toEqual({ from: 'b', all: 1, bare: true });
    expect([...groups]).toEqual([
      ['web', ['web01', 'web02']],
      ['db', ['db-a']],
      ['all', ['web01', 'web02', 'db-a']],
    ]);
  });

  test('a host without a group is in ungrouped', async () => {
    expect((await hostIn('all: { hosts: { a: } }')).groups).toEqual(['all', 'ungrouped']);
  });

  test('the directory NAME counts before NAME.yml, which is warned about', async () => {
    const { hosts, warnings } = await loadFiles({
      'hosts.yml': 'all: { hosts: { a: } }',
      'group_vars/all/x.yml': 'from: directory',
      'group_vars/all.yml': 'from: file',
      'group_vars/al.yml': 'x: 1',
    });
    expect(hosts.get('a')?.vars).toEqual({ from: 'directory' });
    expect(warnings.map(({ message }) => message)).toEqual([
      'this file is not read: there is no group "al". Did you mean "all"?',
      'this file is not read: of NAME, NAME.yml, NAME.yaml and NAME.json only the first counts, as in Ansible',
    ]);
  });

  test('TypeScript: data, or a function that makes it', async () => {
    const directory = directoryOf({ 'hosts.ts': '' });
    const data = { all: { hosts: { a: { ansible_port: 23 } } } };
    for (const made of [{ default: data }, { default: () => Promise.resolve(data) }]) {
      const inventory = await loadInventory([directory], { loadTypeScript: () => Promise.resolve(made) });
      expect(inventory.hosts.get('a')?.connection.port).toBe(23);
      expect(inventory.hosts.get('a')?.place(['ansible_port'])).toEqual({
        file: join(directory, 'hosts.ts'),
      });
    }
  });

  test('TypeScript that throws, or exports what is not data', async () => {
    const directory = directoryOf({ 'hosts.ts': '' });
    const failing = () => Promise.reject(new Error('boom'));
    expect((await onlyProblem(loadInventory([directory], { loadTypeScript: failing })))?.message).toBe(
      'this inventory program failed: boom',
    );
    const strange = () => Promise.resolve({ default: { all: { vars: { when: new Date(0) } } } });
    expect((await onlyProblem(loadInventory([directory], { loadTypeScript: strange })))?.message).toBe(
      'default.all.vars.when is not plain data',
    );
  });

  test('TypeScript by the loader of playbooks', async () => {
    const directory = directoryOf({
      'hosts.ts': 'const n: number = 2; export default () => ({ all: { hosts: { [`a${n}`]: {} } } });',
    });
    expect([...(await loadInventory([directory])).hosts.keys()]).toEqual(['a2']);
  });

  test('later sources win', async () => {
    const first = directoryOf({
      'hosts.yml': 'web: { hosts: { a: }, vars: { x: 1, y: 1 } }',
      'group_vars/web.yml': 'z: 1',
    });
    const second = directoryOf({ 'hosts.yml': 'web: { vars: { x: 2 } }', 'group_vars/web.yml': 'z: 2' });
    expect((await loadInventory([first, second])).hosts.get('a')?.vars).toEqual({ x: 2, y: 1, z: 2 });
    expect((await loadInventory([second, first])).hosts.get('a')?.vars).toEqual({ x: 1, y: 1, z: 1 });
  });
});

describe('positions', () => {
  test('the value of a path, through group_vars, merge keys and aliases', async () => {
    const directory = directoryOf({
      'hosts.yml':
        'all:\n  hosts:\n    a:\n      own: [1, { deep: 2 }]\n      <<: &more\n        merged: 3\n      other: *more\n',
      'group_vars/all.yml': '\nnics:\n  eth0: { address: 10.0.0.1/24 }\n',
    });
    const host = (await loadInventory([directory])).hosts.get('a');
    const at = (path: (string | number)[]) => {
      const place = host?.place(path);
      return `${place?.file.slice(directory.length + 1)}:${place?.line}:${place?.column}`;
    };
    expect(at([])).toBe('hosts.yml:3:5');
    expect(at(['own', 1, 'deep'])).toBe('hosts.yml:4:24');
    expect(at(['merged'])).toBe('hosts.yml:6:17');
    expect(at(['other', 'merged'])).toBe('hosts.yml:6:17');
    expect(at(['nics', 'eth0', 'address'])).toBe('group_vars/all.yml:3:20');
    expect(at(['nics', 'eth0', 'nothing'])).toBe('group_vars/all.yml:3:9');
    expect(host?.place(['nothing'])).toBeUndefined();
  });
});

describe('connection', () => {
  test('what Ansible’s variables say', async () => {
    const { connection } = await hostIn(
      'all: { hosts: { a: { ansible_host: a.example, ansible_port: "23", ansible_user: ops, ansible_become: yes, ansible_ssh_private_key_file: ~/k, jump: "b,c@d:24", host_keys: "SHA256:' +
        'a'.repeat(43) +
        '" } } }',
    );
    expect(connection).toEqual({
      address: 'a.example',
      port: 23,
      user: 'ops',
      become: true,
      via: 'ssh',
      privateKeyFile: join(homedir(), 'k'),
      jumps: ['b', 'c@d:24'],
      hostKeys: [`SHA256:${'a'.repeat(43)}`],
    });
  });

  test('Ansible’s other names for one thing: the one that Ansible takes where both are set', async () => {
    const { connection, vars } = await hostIn(
      'all: { hosts: { a: { ansible_ssh_host: old.example, ansible_host: new.example, ansible_ssh_user: u, ansible_ssh_port: 24, ansible_private_key_file: /k } } }',
    );
    expect(connection).toMatchObject({ address: 'old.example', user: 'u', port: 24, privateKeyFile: '/k' });
    expect(vars).toMatchObject({ ansible_ssh_host: 'old.example', ansible_host: 'new.example' });
  });

  test('a port behind the name counts where the host is named first, and a variable wins', async () => {
    const { hosts } = await loadText(
      'all: { hosts: { "a:22": , "b[1:2]:23": , "c:24": { ansible_port: 25 } }, children: { g: { hosts: { "a:99": } } } }',
    );
    const ports = [...hosts.values()].map(({ name, connection }) => [name, connection.port]);
    expect(ports).toEqual([
      ['a', 22],
      ['b1', 23],
      ['b2', 23],
      ['c', 25],
    ]);
  });

  test('a connection that is not ours keeps no other host from being used', async () => {
    const { hosts, warnings } = await loadText('all: { hosts: { win: { ansible_connection: winrm }, b: } }');
    expect(hosts.get('b')?.blocked).toBeUndefined();
    expect(hosts.get('win')?.blocked?.[0]).toMatchObject({
      code: 'inventory',
      message: 'ansible_connection: winrm is not supported: provision reaches hosts by SSH only',
      place: { line: 1, column: 44 },
    });
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/winrm is not supported/)]);
  });

  test.each([
    ['smart', 'ssh'],
    ['paramiko', 'ssh'],
    ['local', 'local'],
    ['lab', 'lab'],
  ])('%s is %s', async (written, via) => {
    expect((await hostIn(`all: { hosts: { a: { ansible_connection: ${written} } } }`)).connection.via).toBe(
      via,
    );
  });

  test('a relative key counts from the current directory; the address is the name', async () => {
    const { connection } = await hostIn('all: { hosts: { a: { ansible_ssh_private_key_file: keys/k } } }');
    expect(connection).toMatchObject({
      privateKeyFile: join(process.cwd(), 'keys/k'),
      address: 'a',
      become: false,
    });
  });
});

describe('files that cannot be used are each one clear error', () => {
  test('a missing path', async () => {
    const problem = await onlyProblem(loadInventory(['/no/such/inventory']));
    expect(problem).toMatchObject({ code: 'inventory', message: 'no such inventory: /no/such/inventory' });
    expect(problem?.hint).toMatch(/Check the path/);
  });

  test('TOML', async () => {
    const problem = await onlyProblem(loadInventory([join(directoryOf({ 'x.toml': '[web]' }), 'x.toml')]));
    expect(problem?.message).toBe('TOML inventories are not supported');
    expect(problem?.hint).toContain('ansible-inventory -i FILE --list --yaml');
  });

  test('an empty directory, an empty file', async () => {
    expect((await onlyProblem(loadFiles({ 'x.md': '' })))?.message).toMatch(/no inventory file/);
    expect((await onlyProblem(loadText('')))?.message).toMatch(/file is empty/);
  });

  test('a tab', async () => {
    const [tab] = await complaintsAbout('all:\n\thosts:\n');
    expect(tab).toMatchObject({ line: 2, column: 1, hint: 'Indent with spaces: YAML has no tabs.' });
  });

  test('case 34: a bomb of aliases', async () => {
    const lines = ['a: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level++) {
      lines.push(
        `b${level}: &a${level} [${Array<string>(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      );
    }
    expect(await complaintsAbout(lines.join('\n'))).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/millions of values/) }),
    ]);
  });

  test('case 34: an alias inside its own anchor', async () => {
    expect((await complaintsAbout('all: &a { vars: { x: *a } }'))[0]?.message).toMatch(/aliases/);
  });

  test('case 34: brackets without end', async () => {
    expect((await complaintsAbout(`all: ${'['.repeat(50_000)}`)).length).toBeGreaterThan(0);
  });

  test('case 34: more than 10 MiB', async () => {
    const directory = directoryOf({});
    writeFileSync(join(directory, 'hosts.yml'), Buffer.alloc(10 * 1024 * 1024 + 1, 32));
    expect((await onlyProblem(loadInventory([directory])))?.message).toMatch(/more than the 10 MiB/);
  });

  test('bytes that are no text', async () => {
    const directory = directoryOf({});
    writeFileSync(join(directory, 'hosts.yml'), Buffer.from([0x61, 0xff]));
    expect((await onlyProblem(loadInventory([directory])))?.message).toBe('this file is not UTF-8 text');
  });

  test('a whole file in a vault that is cut off', async () => {
    expect((await complaintsAbout('$ANSIBLE_VAULT;1.1;AES256\n00'))[0]?.message).toBe(
      'this file is no whole text of ansible-vault: salt, HMAC and encrypted text are expected',
    );
  });
});

describe('structure', () => {
  test.each([
    [
      'all:\n  host: {}',
      'a group has no "host": only vars, hosts and children',
      2,
      3,
      'Did you mean "hosts"?',
    ],
    [
      'all:\n  hosts: [a]',
      'hosts: a mapping is expected, this is a list',
      2,
      10,
      'Write each entry as a key of its own ("web1:"), without "- ".',
    ],
    ['- a', 'an inventory file is a mapping of groups, this is a list', 1, 1, 'Begin with "all:".'],
    [
      'all:\n  hosts:\n    "-oX":',
      'host "-oX": a name must not start with "-": ssh would take it for an option',
      3,
      5,
      'Choose another name.',
    ],
    [
      'all:\n  hosts:\n    "fe80::1":',
      'host "fe80::1": IPv6 is not supported in this version',
      3,
      5,
      'Give it a name, and ansible_host with an IPv4 address.',
    ],
    [
      'all:\n  hosts:\n    a[3:1]:',
      'host "a[3:1]": [3:1] ends before it begins',
      3,
      5,
      'Write ranges as web[01:10], db-[a:f] or [1:9:2].',
    ],
  ])('%j', async (text, message, line, column, hint) => {
    expect(await complaintsAbout(text)).toEqual([{ message, line, column, hint }]);
  });

  test('a group inside itself', async () => {
    const [problem] = await complaintsAbout('a: { children: { b: { children: { a: } } } }');
    expect(problem?.message).toBe('the group a is inside itself: a > b > a');
  });

  test('a wrong group variable is one problem for all its hosts, and one without hosts is found too', async () => {
    const problems = await complaintsAbout(
      'web:\n  hosts: { "w[1:50]": }\n  vars: { jump: -x }\nold:\n  vars: { jump: -y }',
    );
    expect(problems.map(({ message, line }) => [line, message])).toEqual([
      [3, 'jump: "-x" must not start with "-": ssh would take it for an option (50 hosts: w1, w2, w3, …)'],
      [5, 'jump: "-y" must not start with "-": ssh would take it for an option'],
    ]);
  });

  test('two hosts with one address', async () => {
    const problems = await complaintsAbout(
      'all:\n  hosts:\n    a: { nics: { eth0: { address: 10.0.0.1/24 } } }\n    b: { nics: { eth0: { address: 10.0.0.1/24 } } }',
    );
    expect(problems).toEqual([
      {
        message: 'nics.eth0.address: 10.0.0.1 already is an address of the host a (host b)',
        line: 4,
        column: 35,
        hint: 'Give each host addresses of its own.',
      },
    ]);
  });
});

test('an error has a code frame and a file as a person would type it', async () => {
  const problem = await onlyProblem(
    loadText('all:\n  hosts:\n    a:\n      ansible_port: 0\n      password: hunter2\n'),
  );
  expect(problem?.place?.file).toMatch(/hosts\.yml$/);
  expect(problem?.frame).toBe(
    [
      '  2 |   hosts:',
      '  3 |     a:',
      '> 4 |       ansible_port: 0',
      '    |                     ^',
      '  5 |       password: •••',
    ].join('\n'),
  );
});

test('5,000 hosts load in a few seconds of processor time', async () => {
  const lines = ['all:', '  vars: { networks: { n: { cidr: 10.0.0.0/8 } } }', '  hosts:'];
  for (let host = 0; host < 5000; host++) {
    const address = `10.0.${host >> 8}.${host & 255}`;
    lines.push(
      `    h${host}: { ansible_host: ${address}, nics: { eth0: { network: n, address: ${address}/8 } } }`,
    );
  }
  const start = process.cpuUsage();
  expect((await loadText(lines.join('\n'))).hosts.size).toBe(5000);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(8);
});
