import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { problemsOf } from '../../../src/model/error.ts';
import { memoryOfHosts, pssOf } from '../../../src/lab/memory.ts';
import {
  installPackages,
  missingPackages,
  packagesRefusal,
  requireRoot,
  withSudo,
} from '../../../src/lab/requirements.ts';
import { availableMemory, roomFor, roomRefusal } from '../../../src/lab/room.ts';

const refusalOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    return problemsOf(error)[0];
  }
  throw new Error('nothing was refused');
};

describe('what a machine must be', () => {
  test('Linux: elsewhere it says what would do', () => {
    expect(refusalOf(() => requireRoot(['lab', 'up'], 'darwin', 0))).toMatchObject({
      code: 'usage',
      message: expect.stringContaining('needs Linux'),
      hint: 'Run it in a Debian 12 virtual machine.',
    });
  });

  test('root: else it says what was typed, with sudo', () => {
    const words = ['rehearse', 'playbooks/site.ts', '-i', 'inventory/prod', '--keep'];
    expect(refusalOf(() => requireRoot(words, 'linux', 1000))).toMatchObject({
      code: 'usage',
      hint: 'Type: sudo npx provision rehearse playbooks/site.ts -i inventory/prod --keep',
    });
    expect(() => requireRoot(words, 'linux', 0)).not.toThrow();
  });

  test('a word that a shell would read otherwise is quoted', () => {
    expect(withSudo(['lab', 'up', '-i', "it's mine", '-e', 'a=$(b)'])).toBe(
      String.raw`sudo npx provision lab up -i 'it'\''s mine' -e 'a=$(b)'`,
    );
  });
});

describe('what a machine must have', () => {
  test('missing packages are named once each', () => {
    expect(missingPackages(() => true)).toEqual([]);
    expect(missingPackages((command) => !['nsenter', 'setpriv', 'systemd-nspawn'].includes(command))).toEqual(
      ['systemd-container', 'util-linux'],
    );
  });

  test('with the line of apt, or the names where there is no apt', () => {
    const missing = ['systemd-container', 'nftables'];
    expect(packagesRefusal(missing, true).hint).toContain(
      'Type: sudo apt-get install -y systemd-container nftables ',
    );
    expect(packagesRefusal(missing, false).hint).toBe(
      'Install what provides these Debian packages: systemd-container nftables',
    );
  });
});

describe('room for the hosts', () => {
  const ten = Array.from({ length: 10 }, (_, at) => (at < 4 ? 'full' : 'bare'));
  const needed = roomFor(ten);

  test('as much as is needed is enough', () => {
    expect(roomRefusal(ten, needed)).toBeNull();
    expect(roomRefusal([], { memory: 0, disk: 0 })).toBeNull();
  });

  test('hosts with firewalld and Docker need more memory', () => {
    expect(roomFor(['full']).memory).toBeGreaterThan(roomFor(['bare']).memory);
  });

  test.each(['memory', 'disk'] as const)('too little %s: what is needed, and what is free', (what) => {
    const refusal = roomRefusal(ten, { ...needed, [what]: needed[what] - 0.5 });
    expect(refusal).toMatchObject({
      code: 'usage',
      message: `10 hosts (4 of them with firewalld and Docker) need about ${needed[what]} MB of ${what}, and ${needed[what] - 1} MB are free`,
      hint: expect.stringContaining('provision lab down'),
    });
  });

  test('the memory that the kernel calls available', () => {
    // Made up, in the format of proc_meminfo(5).
    expect(
      availableMemory(
        'MemTotal:       24683520 kB\nMemFree: 1 kB\nMemAvailable:   20480 kB\nBuffers: 5 kB\n',
      ),
    ).toBe(20);
    expect(availableMemory('MemTotal: 5 kB\n')).toBe(Infinity);
  });
});

describe('the memory of a running host', () => {
  test('is what its processes hold, shared pages by share', () => {
    // Made up, in the format of proc_pid_smaps(5).
    expect(
      pssOf('55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:  7424 kB\nPss:  2048 kB\nPss_Dirty: 812 kB\n'),
    ).toBe(2048);
    expect(pssOf('')).toBe(0);
  });

  test('is counted by network namespace: that of this process holds at least itself', () => {
    expect(memoryOfHosts([process.pid]).get(process.pid)).toBeGreaterThan(0);
    expect(memoryOfHosts([])).toEqual(new Map());
  });
});

test('two labs that start side by side install once, one after the other', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'provision-install-'));
  const commands: string[] = [];
  let installed = false;
  const machine = {
    missing: () => (installed ? [] : ['mmdebstrap']),
    run: async (argv: readonly string[]) => {
      commands.push(argv.join(' '));
      await setTimeout(50);
      installed = true;
    },
    lock: join(directory, 'install.lock'),
  };
  const said: string[] = [];
  const start = (): Promise<void> => installPackages((line) => said.push(line), machine);
  await Promise.all([start(), start()]);
  rmSync(directory, { recursive: true });
  expect(said).toEqual(['installing mmdebstrap']);
  expect(commands.filter((command) => command.includes(' install '))).toEqual([
    expect.stringMatching(/DPkg::Lock::Timeout=\d+ install -y .*mmdebstrap$/),
  ]);
});
