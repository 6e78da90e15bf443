import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

/** One part in all of them, whatever else quotes a text; each source has its own. */
const MARK = 'M4RKER';
const SOURCES = ['env', 'file', 'exec', 'age', 'vault'] as const;
const FIXTURES = path.resolve('test/fixtures/secrets');
/** What stands in the fixtures of age and of ansible-vault cannot be chosen here. */
const MARKERS = {
  env: `${MARK}-env "it's"`,
  file: `${MARK}-file`,
  exec: `${MARK}-exec`,
  age: 'marker-of-an-age-text',
  vault: 'marker-of-a-vault-value',
};
/** The watcher on a host has them from here, cut in two: its own arguments must not show them. */
const PARTS: readonly (readonly [string, string])[] = [
  ['M4', 'RKER'],
  ['marker-', 'of-an-age'],
  ['marker-', 'of-a-vault'],
];
const words = PARTS.map((halves) => halves.join(''));

/** Looks at the arguments and the environment of every process of a host until told to stop. Only Perl's own words. */
const WATCHER = `#!/usr/bin/perl
my $looked = qr/${PARTS.map(([a, b]) => `${a}(?:)${b}`).join('|')}/;
my ($rounds, %seen) = (0);
until (-e '/run/watch-stop') {
  for my $file (glob('/proc/[0-9]*/cmdline'), glob('/proc/[0-9]*/environ')) {
    open(my $in, '<', $file) or next;
    local $/;
    my $text = <$in>;
    $seen{$text =~ tr/\\0\\n/  /r} = 1 if defined $text && $text =~ $looked;
  }
  $rounds++;
  select(undef, undef, undef, 0.003);
}
open(my $out, '>', '/run/watch-result');
print $out "rounds $rounds\\n", map { "$_\\n" } sort keys %seen;
`;

/** The text of the journal, of all logs, and of what provision keeps; copies of replaced files are root's (docs/secrets.md). */
const KEPT = `journalctl -q -o verbose --no-pager
cat /var/log/*.log /var/log/*/*.log 2>/dev/null
find /var/lib/provision /run /tmp /var/tmp -xdev -type f -size -1024k ! -path '*/snapshot/*' ! -path '*/baseline/*' ! -path '/run/log/*' ! -name watcher -exec cat {} + 2>/dev/null
true`;

const found = (text: string): string[] => words.filter((word) => text.includes(word));

const playbookOf = (resources: string): string => `
import { command, defineRole, file, play, playbook } from 'provision';
const app = defineRole('app', ({ vars }: any) => ({ resources: [
  file({ path: '/etc/app.env', content: \`${SOURCES.map((source) => `${source}=\${vars.s_${source}}`).join('\\n')}\\n\` }),
  ${resources}
] }));
export default playbook('app', [play({ hosts: 'gw1', roles: [app()] })]);
`;

labSupport('secrets on a real host', () => {
  let lab: GatewayLab;
  const beside = (name: string): string => path.join(path.dirname(lab.inventory), name);

  beforeAll(async () => {
    lab = await gatewayLab();
    process.env['M4_ENV'] = MARKERS.env;
    writeFileSync(beside('a-file'), `${MARKERS.file}\n`, { mode: 0o600 });
    writeFileSync(beside('a-program'), `${MARKERS.exec}\n`, { mode: 0o600 });
    lab.edit('group_vars/all.yml', (text) =>
      [
        text.trimEnd(),
        's_env: !secret env:M4_ENV',
        `s_file: !secret file:${beside('a-file')}`,
        `s_exec: !secret exec:cat ${beside('a-program')}`,
        `s_age: !secret age:${path.join(FIXTURES, 'age-1.1.1-binary.age')}`,
        's_vault: "{{ value }}"',
        readFileSync(path.join(FIXTURES, 'ansible-core-2.14.18-value-1.2.yml'), 'utf8'),
      ].join('\n'),
    );
    await lab.on('gw1', `cat > /run/watcher <<'EOT'\n${WATCHER}EOT`);
  }, 20 * MINUTES);
  afterAll(async () => {
    delete process.env['M4_ENV'];
    await lab?.down();
  }, 2 * MINUTES);

  /** Runs something while both sides' processes are looked at; answers what was seen with a marker in it. */
  async function watching<T>(
    work: () => Promise<T>,
  ): Promise<{ result: T; onHost: string[]; here: string[]; rounds: number }> {
    await lab.on('gw1', 'rm -f /run/watch-*; systemd-run -q --unit=watcher perl /run/watcher');
    const here = new Set<string>();
    let stopped = false;
    const look = async (): Promise<void> => {
      while (!stopped) {
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
          try {
            const text = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
            if (found(text).length > 0) here.add(text);
          } catch {
            // It has ended.
          }
        }
        await new Promise((resume) => setTimeout(resume, 3));
      }
    };
    const looking = look();
    const result = await work().finally(() => (stopped = true));
    await looking;
    const [rounds = '', ...onHost] = (
      await lab.on(
        'gw1',
        'touch /run/watch-stop; while systemctl -q is-active watcher; do sleep 0.05; done; cat /run/watch-result',
      )
    )
      .trim()
      .split('\n');
    return { result, onHost, here: [...here], rounds: Number(rounds.split(' ')[1]) };
  }

  const FLAGS = [
    ...['--vault-id', `dev@${path.join(FIXTURES, 'vault-password-dev')}`],
    ...['--vault-password-file', path.join(FIXTURES, 'vault-password')],
    ...['--age-identity', path.join(FIXTURES, 'age-identity')],
    ...['--diff', '-vvv'],
  ];
  const REPORTS = ['xml', 'md', 'html', 'ndjson'];
  const run = (name: string, resources = '') => {
    const playbook = lab.playbook(name, playbookOf(resources));
    return lab.runPlaybook(
      playbook,
      ...FLAGS,
      ...REPORTS.flatMap((form) => ['--report', beside(`${name}.${form}`)]),
    );
  };
  const told = (name: string, { stdout, stderr, report }: Awaited<ReturnType<typeof run>>): string =>
    [
      stdout,
      stderr,
      JSON.stringify(report),
      ...REPORTS.map((form) => readFileSync(beside(`${name}.${form}`), 'utf8')),
    ].join('\n');

  it(
    'of every source: written, changed back after drift, put back after a failure; in no list of processes, no log, nothing kept',
    async () => {
      const first = await watching(() => run('first'));
      expect([first.result.code, statusOf(first.result.report, 'gw1')]).toEqual([0, 'changed']);
      const written = await lab.on('gw1', 'cat /etc/app.env; stat -c %a /etc/app.env');
      expect(written).toBe(`${SOURCES.map((source) => `${source}=${MARKERS[source]}`).join('\n')}\n600\n`);
      await lab.on('gw1', 'echo drift >> /etc/app.env');
      const second = await watching(() => run('second'));
      expect(statusOf(second.result.report, 'gw1')).toBe('changed');
      await lab.on('gw1', 'echo drift >> /etc/app.env');
      const failing = `command({ name: 'late', check: 'false', run: 'cat /etc/app.env >&2; exit 1', undo: ':' }),`;
      const failed = await watching(() => run('failed', failing));
      expect([failed.result.code, statusOf(failed.result.report, 'gw1')]).toEqual([2, 'reverted']);
      const third = await watching(() => run('third'));
      expect(statusOf(third.result.report, 'gw1')).toBe('changed');
      const again = await watching(() => run('again'));
      expect([again.result.code, again.result.report.hosts[0]?.changes]).toEqual([0, []]);

      for (const { onHost, here, rounds } of [first, second, failed, third, again]) {
        expect([onHost, here]).toEqual([[], []]);
        expect(rounds).toBeGreaterThan(5);
      }
      expect(
        [
          told('first', first.result),
          told('second', second.result),
          told('failed', failed.result),
          told('again', again.result),
        ].flatMap(found),
      ).toEqual([]);
      // What the failing step printed is told, with dots in the place of each value.
      expect(told('failed', failed.result)).toContain('env=•••');
      expect(found(await lab.on('gw1', KEPT))).toEqual([]);
    },
    6 * MINUTES,
  );

  it(
    'control: planted in arguments, in an environment, in the journal and in a file of ours, each is found',
    async () => {
      const argument = `${MARK}-argument`;
      const { onHost, here } = await watching(async () => {
        await lab.on('gw1', `${MARK}_environment=1 sh -c 'sleep 0.5; : ${argument}'`);
      });
      expect(onHost.filter((text) => text.includes(argument))).not.toEqual([]);
      expect(onHost.filter((text) => text.includes(`${MARK}_environment=1`))).not.toEqual([]);
      expect(here.filter((text) => text.includes(argument))).not.toEqual([]);
      await lab.on(
        'gw1',
        `logger ${MARK}-journal; echo ${MARK}-kept > /var/lib/provision/planted; sleep 0.3`,
      );
      const kept = await lab.on('gw1', KEPT);
      expect([kept.includes(`${MARK}-journal`), kept.includes(`${MARK}-kept`)]).toEqual([true, true]);
    },
    2 * MINUTES,
  );
});
