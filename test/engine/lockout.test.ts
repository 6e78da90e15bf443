import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineResource } from '../../src/resources/index.ts';
import { directoryHosts, flag, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

let hosts: DirectoryHosts;
beforeEach(() => {
  hosts = directoryHosts('a', 'b');
});
afterEach(() => hosts.close());

const locking = { hosts: 'a', roles: [roleOf(flag({ name: 'x', lockout: 'rule 7 drops it' }))] };
const harmless = { hosts: 'a', roles: [roleOf(flag({ name: 'x' }))] };

const warnings = ({ events }: Awaited<ReturnType<DirectoryHosts['run']>>): string[] =>
  events
    .flatMap((event) => (event.type === 'warning' ? [event.message] : []))
    // The machine of the tests may have an IPv6 route, which is warned of too.
    .filter((message) => message.includes('lock'));

describe('a change that would lock us out', () => {
  it.each([true, false])('is warned of with the plan, and reported (check: %s)', async (check) => {
    const result = await hosts.run([locking], { check });
    expect(warnings(result)).toEqual(['this would lock us out: rule 7 drops it']);
    expect(result.hosts[0]?.lockouts).toEqual([{ resource: 'flag:x', sentence: 'rule 7 drops it' }]);
    expect([result.exitCode, hosts.has('a', 'x')]).toEqual([0, !check]);
  });

  it('--strict-lockout refuses it: the host is untouched, exit 2', async () => {
    const result = await hosts.run([locking], { strictLockout: true });
    expect(result.hosts[0]).toMatchObject({
      status: 'failed',
      error: { code: 'lockout' },
      ssh: { execs: 1 },
    });
    expect([result.exitCode, hosts.files('a')]).toEqual([2, []]);
    const check = await hosts.run([locking], { strictLockout: true, check: true });
    expect([check.exitCode, check.hosts[0]?.changes.length]).toEqual([2, 1]);
  });

  it('that is made already is no change, and nothing is said', async () => {
    hosts.put('a', 'x');
    const result = await hosts.run([locking], { strictLockout: true });
    expect([result.exitCode, warnings(result), result.hosts[0]?.lockouts]).toEqual([0, [], undefined]);
  });

  it('control: any other change passes --strict-lockout', async () => {
    const result = await hosts.run([harmless], { strictLockout: true });
    expect([result.exitCode, warnings(result), hosts.files('a')]).toEqual([0, [], ['x']]);
  });

  it('a forecast may look at what else is declared for the host', async () => {
    const alone = defineResource<{ name: string }, { saved: { there: boolean } }>({
      kind: 'rule',
      name: ({ name }) => name,
      desired: () => ({ saved: { there: true } }),
      probe: () => 'true',
      parse: () => ({ saved: { there: false } }),
      lockout: (_to, _facts, { name }, { others }) =>
        `${name} beside ${others.map(({ kind, props }) => `${kind} ${JSON.stringify(props)}`).join(', ')}`,
      transition: () => ({ steps: [] }),
    });
    const role = roleOf(alone({ name: 'drop' }), flag({ name: 'x' }));
    const result = await hosts.run([{ hosts: 'a', roles: [role] }], { check: true });
    expect(warnings(result)).toEqual(['this would lock us out: drop beside flag {"name":"x"}']);
  });

  it('refused on one host, the batches after it are not begun', async () => {
    const result = await hosts.run([{ ...locking, hosts: 'all', serial: 1 }], { strictLockout: true });
    expect(result.hosts.map(({ status }) => status)).toEqual(['failed', 'skipped']);
  });
});
