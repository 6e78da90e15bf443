import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sysctl } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';
import { heard } from '../../probed.ts';

const KEY = 'net.netfilter.nf_conntrack_';
const values = {
  [`${KEY}buckets`]: 32768,
  [`${KEY}max`]: 131072,
  [`${KEY}tcp_timeout_established`]: 900,
  [`${KEY}udp_timeout`]: 45,
};
const content = captured('debian-12-nspawn-sysctl-conntrack-set').stdout.split('--\npresent\n')[1] ?? '';
const table = sysctl({ name: 'conntrack', values, content, module: 'nf_conntrack' });
const SET = captured('debian-12-nspawn-sysctl-conntrack-set');
const INITIAL = captured('debian-12-sysctl-conntrack-default');

/** What the probe prints for these four keys. */
const output = (module: string, live: readonly string[]) => ({
  stdout: [module, ...live, '--', 'present', content].join('\n'),
  code: 0,
});
const NONE = ['absent', 'absent', 'absent', 'absent'];
const stepsOf = (module: string, live: readonly string[]): readonly string[] =>
  table.plan(output(module, live), facts)?.apply.steps ?? [];

describeResource('sysctl', {
  resource: table,
  matching: SET,
  absent: { stdout: ['loadable', ...NONE, '--', 'absent', ''].join('\n'), code: 0 },
  different: { stdout: INITIAL.stdout.replace('absent\n', `present\n${content}`), code: 0 },
  differs: Object.keys(values).map((key) => `live.${key}`),
  hostile: (text) =>
    sysctl({ name: 'x', values: { [text]: text }, content: `${text} = ${text}\n`, module: text }),
  actionWhenAbsent: 'update',
});

describe('parameters of a kernel module', () => {
  it('what the kernel lets nobody set in a container is no drift, and is told with its value', () => {
    expect(table.plan(SET, facts)).toBeNull();
    expect(table.warnings?.(SET)).toEqual([
      `${KEY}buckets is skipped (unsupported): it is 262144, and the kernel lets nobody set it here`,
      `${KEY}max is skipped (unsupported): it is 262144, and the kernel lets nobody set it here`,
    ]);
  });

  it('control: in the first network namespace the same values are drift, and nothing is skipped', () => {
    const change = table.plan(INITIAL, facts);
    expect(change?.changes.filter(({ layer }) => layer === 'live').map(({ field }) => field)).toEqual(
      Object.keys(values),
    );
    expect(table.warnings?.(INITIAL)).toEqual([]);
  });

  it('in a container the others are set', () => {
    const change = table.plan(captured('debian-12-nspawn-sysctl-conntrack-default'), facts);
    expect(change?.changes.filter(({ layer }) => layer === 'live').map(({ field }) => field)).toEqual([
      `${KEY}tcp_timeout_established`,
      `${KEY}udp_timeout`,
    ]);
  });

  it('a module that is not loaded yet is loaded before its keys are set, and stays on the way back', () => {
    const steps = stepsOf('loadable', NONE);
    expect(steps[0]).toBe("modprobe -- 'nf_conntrack'");
    expect(steps.slice(1)).toHaveLength(4);
    expect(steps[1]).toContain('/proc/sys/net/netfilter/nf_conntrack_buckets');
    const back = table.plan(output('loadable', NONE), facts)?.revert.steps;
    expect(back).toEqual([]);
    expect(stepsOf('loaded', ['1', '2', '3', '4'])[0]).not.toContain('modprobe');
  });

  it('a module that this host cannot load: every key is skipped', () => {
    expect(stepsOf('missing', NONE)).toEqual([]);
    expect(table.warnings?.(output('missing', NONE))).toHaveLength(4);
    expect(table.warnings?.(output('missing', NONE))[0]).toBe(
      `${KEY}buckets is skipped (unsupported): the kernel does not have it here`,
    );
  });

  it('a key that the loaded module does not have is skipped, the others are not', () => {
    expect(stepsOf('loaded', ['1', 'absent', '3', '4'])).toHaveLength(3);
    // In a container /sys/module may be hidden: that other keys are there says that it is loaded.
    expect(stepsOf('loadable', ['1', 'absent', '3', '4'])).toHaveLength(3);
    expect(table.warnings?.(output('loadable', ['1', 'absent', '3', '4']))).toHaveLength(1);
  });

  it('a step leaves alone what cannot be written, as the probe does, and fails where a write is refused', () => {
    const [step = ''] = stepsOf('loaded', ['1', '131072', '900', '45']);
    const file = mkdtempSync(join(tmpdir(), 'sysctl-'));
    const run = (target: string): number => {
      try {
        execFileSync('dash', ['-ec', step.replaceAll(/\/proc\/sys\/[a-z_/]+/g, target)], { stdio: 'ignore' });
        return 0;
      } catch (error) {
        return (error as { status: number }).status;
      }
    };
    expect(run('/proc/sys/kernel/osrelease')).toBe(0);
    expect(run('/dev/full')).not.toBe(0);
    expect(run(join(file, 'absent'))).toBe(0);
    rmSync(file, { recursive: true });
  });
});

describe('the probe of a module', () => {
  const probeWith = (modprobe: string, module: string): string | undefined => {
    const directory = mkdtempSync(join(tmpdir(), 'modprobe-'));
    writeFileSync(join(directory, 'modprobe'), `#!/bin/sh\n${modprobe}\n`);
    chmodSync(join(directory, 'modprobe'), 0o755);
    const resource = sysctl({ name: 'x', values: { 'kernel.osrelease': 1 }, content: '', module });
    const env = { PATH: `${directory}:${process.env['PATH'] ?? ''}` };
    const said = heard([resource], { env })[0]?.stdout ?? '';
    rmSync(directory, { recursive: true });
    expect(said.split('\n')[1]).toMatch(/^readonly \S+$/);
    return said.split('\n')[0];
  };
  const mayLoad = process.getuid?.() === 0;

  it('asks modprobe without loading anything', () => {
    const asked = '[ "$*" = "-n -q -- nosuchmodule" ]';
    expect(probeWith(asked, 'nosuchmodule')).toBe(mayLoad ? 'loadable' : 'missing');
    expect(probeWith('exit 1', 'nosuchmodule')).toBe('missing');
  });
});
