import { describe, expect, it } from '@jest/globals';
import { conntrack, conntrackTakenAway } from '../../../src/roles/conntrack.ts';
import { hostVariables } from '../../../src/roles/variables/index.ts';
import type { RoleContext } from '../../../src/model/playbook.ts';
import { templates } from '../../../src/templating.ts';
import { facts } from '../resources/conformance.ts';
import { complaintsAbout } from '../inventory/fixture.ts';

const context = { template: templates(['templates']) } as RoleContext;
const NOTHING = { stdout: '', code: 127 };

/** The files that the role would write, by path; null = must not exist. */
function filesOf(declared: object | undefined, absent = false): Record<string, string | null | undefined> {
  const vars = hostVariables.parse({ nat: { ...(declared ? { conntrack: declared } : {}) } });
  return Object.fromEntries(
    (absent ? conntrackTakenAway(vars) : conntrack(vars, context)).map((resource) => {
      const there = {
        stdout: resource.kind === 'file' ? '0644 root root\nold\n' : '--\npresent\nold = 1\n',
        code: 0,
      };
      const text = resource.plan(NOTHING, facts)?.text ?? resource.plan(there, facts)?.text;
      return [text?.path ?? resource.id, text?.after];
    }),
  );
}
const MODULES = '/etc/modules-load.d/provision-conntrack.conf';
const OPTIONS = '/etc/modprobe.d/provision-conntrack.conf';
const DROP_IN = '/etc/sysctl.d/99-zz-provision-conntrack.conf';
const linesOf = (text: string | null | undefined): string[] =>
  (text ?? '').split('\n').filter((line) => line.startsWith('-'));

describe('the connection table of a gateway', () => {
  it('is left to the kernel when nothing is declared: none of the files may exist', () => {
    const nothing = { [MODULES]: null, [OPTIONS]: null, [DROP_IN]: null };
    expect(filesOf(undefined)).toEqual(nothing);
    expect(filesOf({})).toEqual(nothing);
    // Taken away, the drop-in returns to the baseline with the parameters.
    expect(filesOf({ max: 65536 }, true)).toMatchObject({ [MODULES]: null, [OPTIONS]: null });
  });

  it('has a quarter as many buckets as connections, in whole pages, and grows before its limit does', () => {
    const files = filesOf({ max: 262144 });
    expect(files[MODULES]).toBe('nf_conntrack\n');
    expect(files[OPTIONS]).toBe('options nf_conntrack hashsize=65536\n');
    expect(linesOf(files[DROP_IN])).toEqual([
      '-net.netfilter.nf_conntrack_buckets = 65536',
      '-net.netfilter.nf_conntrack_max = 262144',
    ]);
    expect(filesOf({ max: 100_000 })[OPTIONS]).toContain('hashsize=25088\n');
    expect(filesOf({ max: 1 })[OPTIONS]).toContain('hashsize=512\n');
  });

  it('takes its own buckets, and times without a size', () => {
    expect(filesOf({ max: 262144, buckets: 131072 })[OPTIONS]).toContain('hashsize=131072\n');
    const files = filesOf({ tcp_timeout_established: '15m', udp_timeout: '45s', tcp_loose: false });
    expect(files[OPTIONS]).toBeNull();
    expect(linesOf(files[DROP_IN])).toEqual([
      '-net.netfilter.nf_conntrack_tcp_timeout_established = 900',
      '-net.netfilter.nf_conntrack_udp_timeout = 45',
      '-net.netfilter.nf_conntrack_tcp_loose = 0',
    ]);
  });

  it.each([
    ['max: 0', 'nat.conntrack.max'],
    ['max: 2147483648', 'nat.conntrack.max'],
    ['buckets: 1000', '1000 is no multiple of 512'],
    ['udp_timeout: 1.5s', 'no whole number of seconds'],
    ['udp_timeout: 30', 'nat.conntrack.udp_timeout'],
    ['udp_timeout: 0s', 'is not a time above zero'],
    ['icmp_timeout: 30d', 'longer than the kernel can count'],
    ['tcp_loose: 1', 'nat.conntrack.tcp_loose'],
    ['tcp_timeout_etablished: 9s', 'this key is not known'],
  ])('%s is refused with its place', async (declared, message) => {
    const complaints = await complaintsAbout(
      `all: { hosts: { gw: { nat: { conntrack: {\n  ${declared} } } } } }\n`,
    );
    expect(complaints).toEqual([
      expect.objectContaining({
        message: expect.stringContaining(message),
        line: 2,
        hint: expect.any(String),
      }),
    ]);
  });
});
