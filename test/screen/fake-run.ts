import { ProvisionError } from '../../src/model/error.ts';
import type { RunEvent } from '../../src/model/event.ts';
import type { CheckResult } from '../../src/model/check.ts';
import type { HostReport, HostStatus } from '../../src/model/report.ts';
import type { Change, ResourceChange } from '../../src/model/resource.ts';

export interface FakeRunOptions {
  readonly hosts: number;
  /** Resources to change on each host that changes. */
  readonly changes: number;
  readonly check?: boolean;
  /** Of so many hosts each n-th cannot be reached. */
  readonly unreachableEvery?: number;
  /** Of so many hosts each n-th is in sync already. */
  readonly inSyncEvery?: number;
  /** Hosts of one batch; all when left out. */
  readonly serial?: number;
  /** Hosts that are worked on at the same time. */
  readonly forks?: number;
}

const OUTSIDE = 'outside1';
const FORWARD = 'net.ipv4.ip_forward';
const nowhere = { apply: { steps: [] }, revert: { steps: [] } };

const change = (resource: string, layer: Change['layer'], field: string, sentence: string): Change => ({
  resource,
  action: 'update',
  layer,
  field,
  before: null,
  after: '1',
  sentence,
});

/** Kinds take turns; the first three are called as in a real run. */
function resource(index: number): ResourceChange {
  const suffix = index < 3 ? '' : `-${index}`;
  const [zone, name, tuning] = [`public${suffix}`, `firewalld${suffix}`, `nat-gateway${suffix}`];
  const kinds: readonly (readonly [string, (id: string) => readonly Change[]])[] = [
    [`package:${name}`, (id) => [change(id, 'saved', 'installed', `package ${name} is not installed`)]],
    [
      `firewalld-zone:${zone}`,
      (id) => [
        change(id, 'live', 'services', `zone ${zone}: missing live: service ssh`),
        change(id, 'saved', 'services', `zone ${zone}: missing in the saved configuration: service ssh`),
        change(
          id,
          'live',
          'rules',
          `zone ${zone}: missing live: DNAT 172.31.0.2:8080/tcp to 172.31.0.21:80, masquerade for 172.31.0.16/28 towards outside 172.31.0.0/24`,
        ),
      ],
    ],
    [
      `sysctl:${tuning}`,
      (id) => [
        change(id, 'live', FORWARD, `${FORWARD} is 0 live, should be 1`),
        change(id, 'saved', FORWARD, `${FORWARD} is not set in the saved configuration, should be 1`),
      ],
    ],
  ];
  const [id, changes] = kinds[index % kinds.length] as (typeof kinds)[number];
  const kind = id.split(':')[0] ?? '';
  return {
    resource: id,
    kind,
    phase: kind === 'package' ? 'package' : 'main',
    changes: changes(id),
    ...nowhere,
  };
}

const checkOf = (
  from: string,
  status: CheckResult['status'],
  baseline: CheckResult['baseline'],
): CheckResult => ({
  name: `${from} leaves by 203.0.113.10`,
  from,
  kind: 'egress',
  to: 'http://198.51.100.10:8081/address',
  expected: '203.0.113.10',
  got: { pass: '203.0.113.10', fail: 'no way out', unproven: 'curl is not installed' }[status],
  status,
  baseline,
});

interface Recorded {
  readonly report: HostReport;
  /** Groups of events in the order of the phases of one host. */
  readonly probe: readonly RunEvent[];
  readonly apply: readonly RunEvent[];
  readonly verify: readonly RunEvent[];
}

function recorded(host: string, index: number, options: FakeRunOptions): Recorded {
  const every = (n: number | undefined): boolean => n !== undefined && index % n === n - 1;
  const [lost, fine] = [every(options.unreachableEvery), every(options.inSyncEvery)];
  const changes = lost || fine ? [] : Array.from({ length: options.changes }, (_, n) => resource(n));
  const error = new ProvisionError(
    'connection-refused',
    `${host}: nothing listens on port 22 of 10.0.0.${index}.`,
    {
      hint: 'Start sshd there, or name the port (ansible_port).',
    },
  );
  const changed: HostStatus = options.check ? 'planned' : 'changed';
  const last = checkOf(host, lost ? 'unproven' : 'pass', options.check ? null : 'fail');
  const report: HostReport = {
    name: host,
    status: lost ? 'unreachable' : fine ? 'ok' : changed,
    resources: options.changes,
    changes: changes.flatMap((one) => one.changes),
    checks: index < 5 ? [last] : [],
    ssh: { connections: 1, execs: 1, jumps: 0, bytesIn: 0, bytesOut: 0 },
    timings: {},
    ...(lost ? { error: { code: error.code, message: error.message, hint: error.hint ?? '' } } : {}),
  };
  const phase = (name: 'probe' | 'plan' | 'apply' | 'verify'): RunEvent => ({
    type: 'phase-started',
    host,
    phase: name,
  });
  return {
    report,
    probe: [phase('probe'), ...(lost ? [{ type: 'host-failed', host, error } as const] : [])],
    apply: [
      ...(lost ? [] : [phase('plan'), { type: 'host-planned', host, changes } as const]),
      ...(changes.length > 0 && !options.check ? [phase('apply')] : []),
      ...(options.check
        ? []
        : changes.map((one): RunEvent => ({ type: 'step-done', host, resource: one.resource }))),
    ],
    verify:
      options.check || changes.length === 0
        ? []
        : [phase('verify'), ...(index < 5 ? [{ type: 'check-done', result: last } as const] : [])],
  };
}

/** Events of several hosts as they mix when `forks` of them are worked on side by side. */
function interleaved(lanes: readonly (readonly RunEvent[])[], forks: number): RunEvent[] {
  const waiting = lanes.map((lane) => [...lane]);
  const busy = waiting.splice(0, forks);
  const events: RunEvent[] = [];
  while (busy.length > 0) {
    for (const lane of [...busy]) {
      const event = lane.shift();
      if (event) events.push(event);
      else busy.splice(busy.indexOf(lane), 1, ...waiting.splice(0, 1));
    }
  }
  return events;
}

/** What the engine emits in a run of so many hosts, in order. */
export function fakeRun(options: FakeRunOptions): RunEvent[] {
  const digits = String(options.hosts).length;
  const names = Array.from(
    { length: options.hosts },
    (_, index) => `gw${String(index + 1).padStart(digits, '0')}`,
  );
  const all = names.map((name, index) => recorded(name, index, options));
  const forks = options.forks ?? 10;
  const serial = options.serial ?? options.hosts;
  const batches = Array.from({ length: Math.ceil(names.length / serial) }, (_, n) =>
    all.slice(n * serial, (n + 1) * serial),
  );
  const outside: HostReport = {
    ...(all[0] as Recorded).report,
    name: OUTSIDE,
    status: 'ok',
    resources: 0,
    changes: [],
    checks: [checkOf(OUTSIDE, 'pass', null)],
  };
  delete (outside as { error?: unknown }).error;
  const hosts = [...all.map(({ report }) => report), outside];
  return [
    {
      type: 'run-started',
      runId: '20261120T120000-0123abcd',
      playbook: 'NAT gateways',
      check: options.check ?? false,
      hosts: names,
      vantages: [OUTSIDE],
    },
    { type: 'warning', message: 'has a global IPv6 route', host: names[0] ?? '' },
    ...interleaved(
      [...all.map(({ probe }) => probe), [{ type: 'phase-started', host: OUTSIDE, phase: 'probe' }]],
      forks,
    ),
    ...batches.flatMap((batch, index): RunEvent[] => [
      {
        type: 'play-started',
        play: 'nat-gateway',
        hosts: batch.map(({ report }) => report.name),
        batch: index + 1,
        batches: batches.length,
      },
      ...interleaved(
        batch.map(({ apply }) => apply),
        forks,
      ),
      ...interleaved(
        batch.map(({ verify }) => verify),
        forks,
      ),
    ]),
    ...hosts.map((report): RunEvent => ({ type: 'host-finished', host: report.name, report })),
    { type: 'run-finished', exitCode: options.unreachableEvery === undefined ? 0 : 4, hosts },
  ];
}
