import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { templates } from '../../src/templating.ts';

const PARTS = ['chains', 'loading', 'checking', 'status', 'main'];
const LONG = 180_000;

let directory: string;
let running: ChildProcess | null;
let servers: Server[];
const at = (name: string): string => path.join(directory, name);

/** Tools of the kernel that note what they were told. */
const STUBS: Readonly<Record<string, string>> = {
  nft: 'case $1 in -f) cat >> "$NOTED/loaded"; echo "# end" >> "$NOTED/loaded" ;; list) exit 0 ;; esac',
  conntrack: 'echo "$*" >> "$NOTED/forgotten"; exit 1',
  'systemd-notify': 'echo "$*" >> "$NOTED/notified"',
};

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'provision-lb-'));
  running = null;
  servers = [];
  mkdirSync(at('bin'));
  for (const [name, text] of Object.entries(STUBS)) {
    writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${text}\n`);
    chmodSync(at(`bin/${name}`), 0o755);
  }
  const render = templates(['templates']);
  const data = {
    conf: at('lb.conf'),
    state: at('run/lb'),
    lock: at('run/lb.lock'),
    known: at('run/lb.known'),
    nftFile: at('lb.nft'),
    iptablesFile: at('lb.rules'),
    loader: at('load-lb'),
    table: 'provision_lb',
    chain: 'PROVISION_LB-',
    parallel: 50,
  };
  writeFileSync(at('lb-checker'), PARTS.map((part) => render(`lb/${part}.bash`, data)).join(''));
});
/** With the checks that it has under way: on a busy machine they would go on writing for seconds. */
const endAll = (): void => {
  if (running?.pid !== undefined) process.kill(-running.pid, 'SIGKILL');
};
afterEach(() => {
  endAll();
  servers.forEach((server) => void server.close());
  // What is being killed may still write for a moment.
  rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
});

const environment = () => ({
  ...process.env,
  NOTED: directory,
  PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`,
});
const checker = (...words: string[]): string =>
  execFileSync('bash', [at('lb-checker'), ...words], {
    encoding: 'utf8',
    env: environment(),
    maxBuffer: 64 << 20,
  });
const noted = (name: string): string => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : '');

const service = (name: string, lines: readonly string[]): string =>
  [
    `service ${name} ${name}`,
    'protocols tcp',
    'addresses 10.0.0.1 203.0.113.1',
    'ports 80-80',
    ...lines,
    '',
  ].join('\n');
const health = (name: string, lines: readonly string[]): void => {
  mkdirSync(at('run/lb'), { recursive: true });
  writeFileSync(at(`run/lb/${name}`), `${lines.join('\n')}\n`);
};
const CHECK = ['all-down reject', 'times 100 1000 50 2 2', 'check tcp'];

describe('what lb-checker fills', () => {
  it('in turn: by map in nft, by a cascade of nth in iptables', () => {
    writeFileSync(
      at('lb.conf'),
      service('web', [
        'by turn',
        'turns 0 1 0 0',
        'backend 10.0.0.2 80 3 active',
        'backend 10.0.0.3 81 1 active',
      ]),
    );
    expect(checker('fill', 'nftables').trim().split('\n').at(-1)).toBe(
      'add rule ip provision_lb S-web meta l4proto tcp dnat ip addr . port to numgen inc mod 4 map { 0 : 10.0.0.2 . 80, 1 : 10.0.0.3 . 81, 2 : 10.0.0.2 . 80, 3 : 10.0.0.2 . 80 }',
    );
    expect(
      checker('fill', 'iptables')
        .split('\n')
        .filter((line) => line.startsWith('-A')),
    ).toEqual([
      '-A PROVISION_LB-S-web -p tcp -m statistic --mode nth --every 4 --packet 0 -j DNAT --to-destination 10.0.0.2:80',
      '-A PROVISION_LB-S-web -p tcp -m statistic --mode nth --every 3 --packet 0 -j DNAT --to-destination 10.0.0.3:81',
      '-A PROVISION_LB-S-web -p tcp -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 10.0.0.2:80',
      '-A PROVISION_LB-S-web -p tcp -j DNAT --to-destination 10.0.0.2:80',
    ]);
  });

  it('a dead, draining, disabled or weightless backend gets nothing new; all dead: nothing, or all', () => {
    const backends = [
      'backend 10.0.0.2 80 1 active',
      'backend 10.0.0.3 80 1 active',
      'backend 10.0.0.4 80 1 draining',
      'backend 10.0.0.5 80 1 disabled',
      'backend 10.0.0.6 80 0 active',
    ];
    const text = service('web', ['by turn', 'turns 0 1 2 3', ...CHECK, ...backends]);
    writeFileSync(at('lb.conf'), text);
    const targets = (): string[] =>
      [...new Set(checker('fill', 'iptables').match(/10\.0\.0\.\d+(?=:80)/g) ?? [])].sort();
    expect(targets()).toEqual(['10.0.0.2', '10.0.0.3']);
    health('web', [
      '10.0.0.2 80 down 1700000000 no connection',
      '10.0.0.3 80 up 1700000000',
      'odd',
      '10.0.0.9 80 down 1',
    ]);
    expect(targets()).toEqual(['10.0.0.3']);
    health('web', ['10.0.0.2 80 down 1', '10.0.0.3 80 down 1']);
    expect(targets()).toEqual([]);
    expect(checker('fill', 'nftables')).not.toContain('dnat');
    writeFileSync(at('lb.conf'), text.replace('all-down reject', 'all-down keep-all'));
    expect(targets()).toEqual(['10.0.0.2', '10.0.0.3']);
    // Health of a listener that is not checked any more is no health.
    writeFileSync(at('lb.conf'), text.replace('check tcp\n', ''));
    expect(targets()).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('clients of a draining backend are remembered, those of a disabled or dead one are not', () => {
    writeFileSync(
      at('lb.conf'),
      service('web', [
        'by chance',
        'turns 0 1 2 3',
        'affinity 300',
        ...CHECK,
        'backend 10.0.0.2 80 1 active',
        'backend 10.0.0.3 80 1 draining',
        'backend 10.0.0.4 80 1 disabled',
        'backend 10.0.0.5 80 1 active',
      ]),
    );
    health('web', ['10.0.0.5 80 down 1']);
    const nft = checker('fill', 'nftables');
    const remembered = nft.match(/ip saddr @S-web\/[\d.]+/g) ?? [];
    expect(remembered).toEqual(['ip saddr @S-web/10.0.0.2', 'ip saddr @S-web/10.0.0.3']);
    expect(nft).toContain('add rule ip provision_lb S-web goto S-web/10.0.0.2/80');
    const save = checker('fill', 'iptables');
    expect(save.match(/--update --seconds 300 --reap --name \S+/g)).toHaveLength(2);
    expect(save.match(/--set --name provision_web_10\.0\.0\.\d_80/g)).toEqual([
      '--set --name provision_web_10.0.0.2_80',
    ]);
  });

  it('by the source: when one of ten dies only its clients move', () => {
    const backends = Array.from({ length: 10 }, (_none, index) => `backend 10.0.0.${index + 1} 80 1 active`);
    const turns = Array.from({ length: 160 }, (_none, index) => index % 10).join(' ');
    writeFileSync(at('lb.conf'), service('web', ['by source', `turns ${turns}`, ...CHECK, ...backends]));
    const slots = (): string[] => checker('fill', 'nftables').match(/10\.0\.0\.\d+(?= \. 80)/g) ?? [];
    const before = slots();
    health('web', ['10.0.0.4 80 down 1']);
    const after = slots();
    expect([before.length, after.length]).toEqual([160, 160]);
    expect(before.filter((slot, index) => slot !== after[index])).toEqual(
      Array.from({ length: 16 }, () => '10.0.0.4'),
    );
    expect(new Set(after).size).toBe(9);
  });

  it('1,000 backends by chance in iptables: no chain has more than 8 rules, and each backend has its share', () => {
    const backends = Array.from(
      { length: 1000 },
      (_none, index) => `backend 10.0.${index >> 8}.${index & 255} 80 1 active`,
    );
    const turns = Array.from({ length: 1000 }, (_none, index) => index).join(' ');
    writeFileSync(at('lb.conf'), service('web', ['by chance', `turns ${turns}`, ...backends]));
    const chains = new Map<string, { to: string; share: number }[]>();
    for (const line of checker('fill', 'iptables').split('\n')) {
      const [, chain = '', rest = ''] = /^-A (\S+) (.*)$/.exec(line) ?? [];
      if (chain === '') continue;
      const share = Number(/--probability (\S+)/.exec(rest)?.[1] ?? 1);
      const to = /(?:-g|--to-destination) (\S+)/.exec(rest)?.[1] ?? '';
      chains.set(chain, [...(chains.get(chain) ?? []), { to, share }]);
    }
    expect(Math.max(...[...chains.values()].map((rules) => rules.length))).toBeLessThanOrEqual(8);
    expect(Math.max(...[...chains.keys()].map((name) => name.length))).toBeLessThanOrEqual(28);
    const shares = new Map<string, number>();
    const walk = (chain: string, probability: number): void => {
      let left = probability;
      for (const { to, share } of chains.get(chain) ?? []) {
        if (chains.has(to)) walk(to, left * share);
        else shares.set(to, (shares.get(to) ?? 0) + left * share);
        left -= left * share;
      }
    };
    walk('PROVISION_LB-S-web', 1);
    expect(shares.size).toBe(1000);
    for (const share of shares.values()) expect(Math.abs(share - 0.001)).toBeLessThan(0.00001);
  });
});

describe('lb-checker at work', () => {
  /** A server that answers with this status, or, null, is not there. */
  const serve = async (
    answer: () => number,
    port = 0,
  ): Promise<{ port: number; stop: () => Promise<void> }> => {
    const server = createServer((_request, response) => {
      response.statusCode = answer();
      response.end('all is well\n');
    });
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
    const stop = (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    return { port: (server.address() as AddressInfo).port, stop };
  };
  const start = (): void => {
    writeFileSync(at('lb.nft'), '');
    running = spawn('bash', [at('lb-checker'), 'run'], {
      env: environment(),
      stdio: 'ignore',
      detached: true,
    });
  };
  /** Waits until it is so: how fast is not what is tested. */
  const until = async (holds: () => boolean): Promise<void> => {
    const end = Date.now() + 100_000;
    while (!holds() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(holds()).toBe(true);
  };
  const stateOf = (name: string): string => noted(`run/lb/${name}`);
  const loadedLast = (): string => noted('loaded').split('# end\n').at(-2) ?? '';

  it(
    'takes a dead backend out and back in, forgets its half-open connections, and says it is ready once',
    async () => {
      const one = await serve(() => 200);
      const two = await serve(() => 200);
      writeFileSync(
        at('lb.conf'),
        service('web', [
          'by turn',
          'turns 0 1',
          ...CHECK,
          `backend 127.0.0.1 ${one.port} 1 active`,
          `backend 127.0.0.1 ${two.port} 1 active`,
        ]),
      );
      start();
      await until(() => noted('notified').includes('--ready') && noted('notified').includes('WATCHDOG=1'));
      await until(() => stateOf('web').includes(` ${two.port} up `));
      expect(noted('forgotten')).toBe('');
      await two.stop();
      await until(() => stateOf('web').includes(` ${two.port} down `));
      expect(stateOf('web')).toMatch(new RegExp(`^127\\.0\\.0\\.1 ${one.port} up \\d+`));
      expect(stateOf('web')).toContain('no connection');
      await until(() => loadedLast().includes(`dnat to 127.0.0.1:${one.port}`));
      await until(() => noted('forgotten').split('\n').length === 3);
      expect(noted('forgotten').trim().split('\n')).toEqual(
        ['10.0.0.1', '203.0.113.1'].map(
          (address) =>
            `-D -p tcp --orig-dst ${address} --orig-port-dst 80 --reply-src 127.0.0.1 --state SYN_SENT --reply-port-src ${two.port}`,
        ),
      );
      await serve(() => 200, two.port);
      await until(() => stateOf('web').includes(` ${two.port} up `));
      await until(() => loadedLast().includes('numgen inc mod 2'));
    },
    LONG,
  );

  it(
    'HTTP: the status and a part of the answer decide; a command by its end; each says why',
    async () => {
      let status = 200;
      const web = await serve(() => status);
      // A check has all the time that a loaded machine needs.
      const times = ['all-down reject', 'times 250 20000 50 2 2'];
      const backend = `backend 127.0.0.1 ${web.port} 1 active`;
      writeFileSync(
        at('lb.conf'),
        [
          service('web', ['by turn', 'turns 0', ...times, 'path /x', 'check http 200', backend]),
          service('text', [
            'by turn',
            'turns 0',
            ...times,
            'path /x',
            'body nothing is well',
            'check http 200',
            backend,
          ]),
          service('good', [
            'by turn',
            'turns 0',
            ...times,
            'path /x',
            'body is well',
            'check http 200',
            backend,
          ]),
          service('asked', [
            'by turn',
            'turns 0',
            ...times,
            `check command test "$ADDRESS $PORT" = "127.0.0.1 ${web.port}" -a -e ${at('up')}`,
            backend,
          ]),
        ].join(''),
      );
      start();
      await until(() => stateOf('text').includes('down') && stateOf('asked').includes('down'));
      expect(stateOf('text')).toContain('another text in the answer');
      expect(stateOf('asked')).toContain('its command ended 1');
      writeFileSync(at('up'), '');
      await until(() => stateOf('asked').includes('up'));
      expect([stateOf('web'), stateOf('good')].every((text) => text.includes(' up '))).toBe(true);
      status = 503;
      await until(() => stateOf('web').includes('down') && stateOf('good').includes('down'));
      expect(stateOf('web')).toContain('status 503');
    },
    LONG,
  );

  it('an answer that comes in pieces, as on a busy host, is heard whole and shifts no other', () => {
    const script = [
      // All functions, and not what asks for one of them.
      readFileSync(at('lb-checker'), 'utf8').split('\ncase ${1-} in\n')[0],
      `exec 5< <(printf '1 0 d'; sleep 0.6; printf 'own no answer\n2 0 up \n')`,
      'held= line=',
      'next_line 0.1 || echo "nothing yet"',
      'next_line 0.1 || echo "nothing yet"',
      'next_line 20 && echo "<$line>"',
      'next_line 20 && echo "<$line>"',
      'exit',
    ];
    const said = execFileSync('bash', ['-c', script.join('\n')], { encoding: 'utf8', env: environment() });
    expect(said).toBe('nothing yet\nnothing yet\n<1 0 down no answer>\n<2 0 up >\n');
  });

  it(
    'started again it knows what it knew; told to, it reads another configuration and forgets what is gone',
    async () => {
      const one = await serve(() => 200);
      const lines = [
        'by turn',
        'turns 0 1',
        ...CHECK,
        `backend 127.0.0.1 ${one.port} 1 active`,
        'backend 127.0.0.1 9 1 active',
      ];
      writeFileSync(at('lb.conf'), service('web', lines));
      start();
      await until(() => stateOf('web').includes(' 9 down '));
      const since = /9 down (\d+)/.exec(stateOf('web'))?.[1];
      endAll();
      start();
      await until(() => noted('notified').split('--ready').length === 3);
      expect(stateOf('web')).toContain(`9 down ${since ?? ''}`);
      writeFileSync(
        at('lb.conf'),
        service(
          'web',
          lines.slice(0, -1).map((line) => line.replace('turns 0 1', 'turns 0')),
        ),
      );
      running?.kill('SIGHUP');
      await until(() => stateOf('web') !== '' && !stateOf('web').includes(' 9 '));
      expect(running?.exitCode).toBeNull();
    },
    LONG,
  );

  it(
    'loads all rules again when somebody took them away',
    async () => {
      const one = await serve(() => 200);
      writeFileSync(
        at('lb.conf'),
        service('web', ['by turn', 'turns 0', ...CHECK, `backend 127.0.0.1 ${one.port} 1 active`]),
      );
      writeFileSync(at('load-lb'), `echo again >> ${at('reloaded')}; rm ${at('gone')}`);
      writeFileSync(at('bin/nft'), `#!/bin/sh\n[ "$1" != list ] || [ ! -e ${at('gone')} ]\n`);
      start();
      await until(() => noted('notified').includes('--ready'));
      expect(noted('reloaded')).toBe('');
      writeFileSync(at('gone'), '');
      await until(() => noted('reloaded') === 'again\n');
    },
    LONG,
  );
});
