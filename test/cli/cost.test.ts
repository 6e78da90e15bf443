import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import type { Report } from '../../src/model/report.ts';
import { notPrinted, transcripts } from '../docs/transcripts.ts';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { readRun, recordedIn, recording, replaying, writeRun } from '../fakehost/recorded-host.ts';
import type { RecordedRun } from '../fakehost/recorded-host.ts';
import { playbookOf, projectFor, readReport } from './project.ts';

// What a run of the gateway playbook costs on the wire, so that a change of the design shows here and needs no clock.
// The hosts answer what real ones did: Debian 12 of the lab, a first run and the one after it. When a probe has changed,
// record anew (root): `provision lab up -i inventory/lab` on new hosts, RECORD_RUNS=1 and this file in jest.

const ADDRESSES = {
  gw1: '172.31.0.2',
  db1: '172.31.0.20',
  web1: '172.31.0.21',
  iso1: '172.31.0.40',
  outside1: '198.51.100.10',
} as const;
type Name = keyof typeof ADDRESSES;
const NAMES = Object.keys(ADDRESSES) as Name[];
const fixture = (run: string): string => `test/fixtures/runs/debian-12-gateway-${run}.json`;
const record = process.env['RECORD_RUNS'] !== undefined;
const network = fakeNetwork();

interface Cost {
  readonly connections: number;
  readonly execs: number;
  readonly channels: number;
  /** KiB from us to the host, and back. */
  readonly sentKiB: number;
  readonly receivedKiB: number;
}

const costOf = ({ connections, execs, channels, bytes }: FakeHost): Cost => ({
  connections,
  execs,
  channels,
  sentKiB: bytes.received / 1024,
  receivedKiB: bytes.sent / 1024,
});

async function labConfig(): Promise<string> {
  const { labOf } = await import('../../src/lab/index.ts');
  const { loadInventory } = await import('../../src/inventory/load.ts');
  const lab = await labOf(await loadInventory(['inventory/lab']));
  if (lab === null) throw new Error('record with the lab up: provision lab up -i inventory/lab');
  return lab.sshConfig;
}

/** One run of the gateway playbook; what it found, and what it cost by host. */
async function gatewayRun(name: 'first' | 'second') {
  const directory = mkdtempSync(path.join(tmpdir(), 'provision-runs-'));
  network.atEnd(() => rmSync(directory, { recursive: true, force: true }));
  const config = record ? await labConfig() : '';
  const recorded: RecordedRun = record ? {} : readRun(fixture(name));
  const hosts: Record<string, FakeHost> = {};
  for (const host of NAMES) {
    const options = record ? recording(host, config, directory) : replaying(recorded[host] ?? []);
    hosts[host] = await network.host(options);
  }
  const byAddress = Object.fromEntries(
    Object.entries(hosts).map(([host, fake]) => [ADDRESSES[host as Name], fake]),
  );
  const project = projectFor(network, byAddress, playbookOf('[]'));
  const argv = [
    path.resolve('playbooks/gateway.ts'),
    ...['-i', path.resolve('inventory/lab'), '-e', 'ansible_connection=ssh'],
    ...['-F', project.setup.configFile, '--report', 'report.json'],
  ];
  // A git that counts how often it is asked: a process costs as much here as an exec does on a host.
  const [git, asked] = [path.join(directory, 'git'), path.join(directory, 'asked')];
  writeFileSync(git, `#!/bin/sh\necho "$*" >> '${asked}'\n`);
  chmodSync(git, 0o755);
  const ended = await project.provision(argv, {
    // The real places and units of a host.
    env: { PROVISION_HOST_STATE: undefined, PATH: `${directory}:${process.env['PATH']}` },
    patienceMs: 120_000,
  });
  if (record) writeRun(fixture(name), recordedIn(directory, NAMES));
  const report = readReport(project.at('report.json'));
  const costs = Object.fromEntries(Object.entries(hosts).map(([host, fake]) => [host, costOf(fake)]));
  const gitCalls = existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n').length : 0;
  return { ...ended, report, costs, gitCalls };
}

const statuses = ({ hosts }: Report): Record<string, string> =>
  Object.fromEntries(hosts.map(({ name, status }) => [name, status]));
const reported = ({ hosts }: Report): unknown =>
  Object.fromEntries(hosts.map(({ name, ssh }) => [name, [ssh.connections, ssh.execs]]));

/** gw1 is the jump host of three others: of its connections and channels, so many are theirs. */
const BEHIND = 3;
/** KiB that a run without changes may send to a host of the playbook, and to one that only asks checks; and receive. */
const NO_CHANGE = { gateway: { sentKiB: 40, receivedKiB: 36 }, vantage: { sentKiB: 6, receivedKiB: 5 } };
const FIRST = { sentKiB: 210, receivedKiB: 65 };
const vantages = NAMES.filter((name) => name !== 'gw1');

it('the first run of the gateway playbook: three connections and four execs, armed, verified and confirmed; as the README has it', async () => {
  const ended = await gatewayRun('first');
  const { code, report, costs, gitCalls } = ended;
  expect(notPrinted(transcripts()[0], ended)).toEqual([]);
  // Control: the second one is not what a first run prints.
  expect(notPrinted(transcripts()[1], ended)).toContain('gw1       nothing to change');
  // For the host's journal; the control of the zero below.
  expect(gitCalls).toBe(1);
  expect([code, statuses(report)['gw1']]).toEqual([0, 'changed']);
  expect(reported(report)).toMatchObject({ gw1: [3, 4] });
  expect(costs['gw1']).toMatchObject({ connections: 3 + 2 * BEHIND, channels: 4 + 2 * BEHIND, execs: 4 });
  for (const name of vantages) {
    expect([name, costs[name]]).toEqual([
      name,
      expect.objectContaining({ connections: 2, channels: 2, execs: 2 }),
    ]);
  }
  expect(costs['gw1']?.sentKiB).toBeLessThan(FIRST.sentKiB);
  expect(costs['gw1']?.receivedKiB).toBeLessThan(FIRST.receivedKiB);
  // The control of the limits of a run without changes: bytes are counted, and a run that does more is over all of them.
  expect(costs['gw1']?.sentKiB).toBeGreaterThan(NO_CHANGE.gateway.sentKiB);
  expect(costs['gw1']?.receivedKiB).toBeGreaterThan(NO_CHANGE.gateway.receivedKiB);
  expect(costs['db1']?.sentKiB).toBeGreaterThan(NO_CHANGE.vantage.sentKiB);
  expect(costs['db1']?.receivedKiB).toBeGreaterThan(NO_CHANGE.vantage.receivedKiB);
}, 120_000);

it('its run without changes: one connection, one channel, one exec, few bytes', async () => {
  const ended = await gatewayRun('second');
  const { code, report, costs, gitCalls } = ended;
  expect(notPrinted(transcripts()[1], ended)).toEqual([]);
  expect(gitCalls).toBe(0);
  expect([code, statuses(report)]).toEqual([0, Object.fromEntries(NAMES.map((name) => [name, 'ok']))]);
  expect(reported(report)).toEqual(Object.fromEntries(NAMES.map((name) => [name, [1, 1]])));
  expect(costs['gw1']).toMatchObject({ connections: 1 + BEHIND, channels: 1 + BEHIND, execs: 1 });
  for (const name of vantages) {
    expect([name, costs[name]]).toEqual([
      name,
      expect.objectContaining({ connections: 1, channels: 1, execs: 1 }),
    ]);
    expect(costs[name]?.sentKiB).toBeLessThan(NO_CHANGE.vantage.sentKiB);
    expect(costs[name]?.receivedKiB).toBeLessThan(NO_CHANGE.vantage.receivedKiB);
  }
  expect(costs['gw1']?.sentKiB).toBeLessThan(NO_CHANGE.gateway.sentKiB);
  expect(costs['gw1']?.receivedKiB).toBeLessThan(NO_CHANGE.gateway.receivedKiB);
}, 120_000);
