import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayLab, statusOf } from './gateway-lab.ts';
import type { GatewayLab } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const PASSWORD = 'c0rrect h0rse\'"$(id)';

const PLAYBOOK = `
import { defineRole, file, play, playbook } from 'provision';
const motd = defineRole('motd', () => ({ resources: [file({ path: '/etc/motd', content: 'hello\\n' })] }));
export default playbook('motd', [play({ hosts: 'gw1', roles: [motd()] })]);
`;

labSupport('case 38: sudo on a real host', () => {
  let lab: GatewayLab;
  let playbook = '';
  const passwordFile = (name: string, text: string): string => {
    const file = path.join(path.dirname(playbook), name);
    writeFileSync(file, `${text}\n`, { mode: 0o600 });
    return file;
  };
  const sudoers = (line: string): Promise<string> =>
    lab.on(
      'gw1',
      `rm -f /etc/sudoers.d/*; printf '%s\\n' '${line}' > /etc/sudoers.d/test; chmod 440 /etc/sudoers.d/test; visudo -cq`,
    );

  beforeAll(async () => {
    lab = await gatewayLab();
    playbook = lab.playbook('motd', PLAYBOOK);
    await lab.on('gw1', `chpasswd <<'EOT'\nops:${PASSWORD}\nEOT\ngpasswd -d ops sudo 2>/dev/null || true`);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  it(
    'asks for a password and none is given: one sentence, exit 2, nothing changed',
    async () => {
      await sudoers('ops ALL=(ALL) ALL');
      const { code, stderr, report } = await lab.runPlaybook(playbook);
      expect([code, statusOf(report, 'gw1')]).toEqual([2, 'failed']);
      expect(stderr).toContain('gw1: sudo asks for a password.');
      expect(stderr).toContain('--become-password-file');
    },
    MINUTES,
  );

  it(
    'the wrong one: says so, and no line of a script was ever tried as a password',
    async () => {
      const { code, stderr } = await lab.runPlaybook(
        playbook,
        '--become-password-file',
        // A word of our own sentences would be masked in them.
        passwordFile('wrong', 'n0t-this-one'),
      );
      expect(code).toBe(2);
      expect(stderr).toContain('gw1: the sudo password is wrong.');
      const tries = await lab.on(
        'gw1',
        "journalctl -q -o cat | grep -c 'incorrect password attempt' || true",
      );
      expect(tries.trim()).toBe('1');
    },
    MINUTES,
  );

  it(
    'the right one: works, costs one exec more, and shows nowhere',
    async () => {
      const { code, stdout, stderr, report } = await lab.runPlaybook(
        playbook,
        '--become-password-file',
        passwordFile('right', PASSWORD),
        '-vvv',
      );
      expect([code, statusOf(report, 'gw1')]).toEqual([0, 'changed']);
      expect(report.hosts[0]?.ssh).toMatchObject({ connections: 2, execs: 5 });
      const again = await lab.runPlaybook(
        playbook,
        '--become-password-file',
        passwordFile('right', PASSWORD),
      );
      expect(again.report.hosts[0]?.ssh).toMatchObject({ connections: 1, execs: 2 });
      const seen = stdout + stderr + JSON.stringify(report);
      const kept = await lab.on(
        'gw1',
        'journalctl -q -o cat; cat /var/lib/provision/journal /var/lib/provision/txn/*/* 2>/dev/null; cat /var/log/auth.log 2>/dev/null; true',
      );
      for (const text of [seen, kept]) expect(text).not.toContain('h0rse');
      // Control: the same search finds what is logged there.
      await lab.on('gw1', 'logger h0rse-control; sleep 0.3');
      expect(await lab.on('gw1', 'journalctl -q -o cat')).toContain('h0rse');
    },
    MINUTES,
  );

  it(
    'by the environment, and with NOPASSWD the password never reaches the script',
    async () => {
      await sudoers('ops ALL=(ALL) NOPASSWD: ALL');
      process.env['PROVISION_BECOME_PASSWORD'] = PASSWORD;
      const { code } = await lab
        .runPlaybook(playbook)
        .finally(() => delete process.env['PROVISION_BECOME_PASSWORD']);
      expect(code).toBe(0);
    },
    MINUTES,
  );

  it.each([
    ['not in sudoers', 'root ALL=(ALL) ALL', 'gw1: the user may not use sudo.'],
    [
      'requiretty',
      'ops ALL=(ALL) NOPASSWD: ALL\nDefaults:ops requiretty',
      'gw1: sudo wants a terminal (requiretty).',
    ],
  ])(
    '%s: its own sentence, exit 2',
    async (_name, rules, sentence) => {
      await sudoers(rules);
      const { code, stderr } = await lab.runPlaybook(
        playbook,
        ...(rules.startsWith('root') ? ['--become-password-file', passwordFile('right', PASSWORD)] : []),
      );
      expect(stderr).toContain(sentence);
      expect(code).toBe(2);
    },
    MINUTES,
  );

  it(
    'a password file that others can read is refused, exit 5',
    async () => {
      const file = passwordFile('open', PASSWORD);
      await import('node:fs').then(({ chmodSync }) => chmodSync(file, 0o644));
      const { code, stderr } = await lab.runPlaybook(playbook, '--become-password-file', file);
      expect(code).toBe(5);
      expect(stderr).toContain('chmod 600');
    },
    MINUTES,
  );
});
