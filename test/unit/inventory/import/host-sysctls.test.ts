import { expect, it } from '@jest/globals';
import { importSysctls, sysctlsOf } from '../../../../src/inventory/import/host-sysctls.ts';
import { notes } from '../../../../src/inventory/import/import-notes.ts';

const FILE = '/etc/sysctl.d/60-by-hand.conf';
const lines = (...texts: string[]): string => texts.map((text) => `${FILE}:${text}`).join('\n');

function importOf(text: string, live: Readonly<Record<string, string>> = {}, isGateway = true) {
  const told = notes();
  const reading = { sysctls: sysctlsOf(text), conntrack: new Map(Object.entries(live)) };
  return { conntrack: importSysctls(reading, isGateway, told), notes: told.list };
}

it('names of either spelling, values of several words; the last line for a key counts', () => {
  const text = lines(
    'net/ipv4/conf/eth0.5/rp_filter = 1',
    ' - net.ipv4.ip_local_port_range=1024   65000',
    '-net.core.somaxconn = 1',
    'net.core.somaxconn = 2',
    'no assignment',
  );
  expect(sysctlsOf(text).map(({ key, value }) => [key, value])).toEqual([
    ['net.ipv4.conf.eth0/5.rp_filter', '1'],
    ['net.ipv4.ip_local_port_range', '1024 65000'],
    ['net.core.somaxconn', '2'],
  ]);
});

it('the connection table is nat.conntrack, with what the kernel has now; its hash table stays', () => {
  const made = importOf(
    lines(
      'net.netfilter.nf_conntrack_max = 262144',
      'net.netfilter.nf_conntrack_tcp_timeout_established = 900',
      'net.netfilter.nf_conntrack_tcp_loose = 0',
      'net.netfilter.nf_conntrack_acct = 1',
    ),
    { max: '262144', buckets: '65536', tcp_timeout_established: '7200' },
  );
  expect(made.conntrack).toEqual({
    max: 262144,
    tcp_timeout_established: '7200s',
    tcp_loose: false,
    buckets: 65536,
  });
  expect(made.notes).toEqual([
    `sysctl net.netfilter.nf_conntrack_tcp_timeout_established = 900 (${FILE}): the kernel has 7200 now, and that is taken`,
    `sysctl net.netfilter.nf_conntrack_acct = 1 (${FILE}): stays as it is: no variable says it`,
  ]);
});

it.each([
  ['net.netfilter.nf_conntrack_buckets = 1000', 'no multiple of a page'],
  ['net.netfilter.nf_conntrack_max = lots', 'no number'],
  ['net.netfilter.nf_conntrack_max = 0', 'nothing'],
  ['net.netfilter.nf_conntrack_tcp_loose = 2', 'neither'],
])('%s is told: %s', (text) => {
  const made = importOf(lines(text));
  expect([made.conntrack, made.notes]).toEqual([
    {},
    [`sysctl ${text} (${FILE}): stays as it is: no variable says it`],
  ]);
});

it('what roles set by themselves is told where it is otherwise; what is not of the network never', () => {
  const made = importOf(
    lines(
      'net.ipv4.ip_forward = 1',
      'net.ipv4.conf.all.rp_filter = 1',
      'kernel.panic = 10',
      'vm.swappiness = 1',
    ),
  );
  expect(made.notes).toEqual([
    `sysctl net.ipv4.conf.all.rp_filter = 1 (${FILE}): an app host sets it to 2 for each of its NICs, from a file that is read later`,
  ]);
  expect(importOf(lines('net.ipv4.ip_forward = 0')).notes).toEqual([
    `sysctl net.ipv4.ip_forward = 0 (${FILE}): a run sets it to 1, from a file that is read later`,
  ]);
});

it('no gateway has no connection table to declare', () => {
  const made = importOf(lines('net.netfilter.nf_conntrack_max = 1024'), {}, false);
  expect([made.conntrack, made.notes]).toEqual([{}, [expect.stringContaining('no variable says it')]]);
});
