import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { reloadUnits, service } from '../../../src/resources/index.ts';
import { keepForeignRules } from '../../../src/resources/foreign-rules.ts';
import { captured, describeResource, facts } from './conformance.ts';

const firewalld = service({ name: 'firewalld', running: true, enabled: true });

describeResource('service', {
  resource: firewalld,
  matching: captured('debian-12-service-running'),
  absent: captured('debian-12-service-not-found'),
  different: captured('debian-12-service-stopped'),
  differs: ['live.running'],
  hostile: (text) => service({ name: text, running: true, enabled: true }),
  actionWhenAbsent: 'update',
});

describe('service', () => {
  it('unmasks before it enables', () => {
    expect(firewalld.plan(captured('debian-12-service-masked'), facts)?.apply.steps).toEqual([
      `systemctl 'unmask' -- 'firewalld.service'`,
      `systemctl 'enable' -- 'firewalld.service'`,
    ]);
  });

  it('a start of firewalld waits until its rules are loaded, which systemd does not', () => {
    const stopped = captured('debian-12-service-stopped');
    const start = firewalld.plan(stopped, facts)?.apply.steps.at(-1) ?? '';
    expect(start).toMatch(
      /\nsystemctl 'start' -- 'firewalld\.service'\nbusctl .* org\.fedoraproject\.FirewallD1 state /,
    );
    // It deletes the rules of all then, and Docker makes its own again.
    expect(start).toContain('\nawait_docker\n');
    // Control: another service is what systemd says.
    const other = service({ name: 'cron', running: true, enabled: true }).plan(stopped, facts);
    expect(other?.apply.steps.at(-1)).toBe(`systemctl 'start' -- 'cron.service'`);
  });

  it('enables what need not run without a reload of systemd, unless that holds the unit as it was', () => {
    const change = service({ name: 'boot', enabled: true }).plan(
      captured('debian-12-service-not-found'),
      facts,
    );
    const [step = ''] = change?.apply.steps ?? [];
    const asked = (shown: string): string[] => {
      const fake = `systemctl() { case $1 in show) printf '%s\\n' ${shown} ;; *) echo "$*" >&2 ;; esac; }`;
      return execFileSync('dash', ['-ec', `exec 2>&1\n${fake}\n${step}`], { encoding: 'utf8' })
        .trim()
        .split('\n');
    };
    const enable = 'enable --no-reload -- boot.service';
    expect(asked('UnitFileState=enabled NeedDaemonReload=no')).toEqual([enable]);
    expect(asked('UnitFileState=enabled NeedDaemonReload=yes')).toEqual([enable, 'daemon-reload']);
    // One that it holds as missing, or took down its state before it was enabled.
    expect(asked('UnitFileState= NeedDaemonReload=no')).toEqual([enable, 'daemon-reload']);
    expect(asked('UnitFileState=disabled NeedDaemonReload=no')).toEqual([enable, 'daemon-reload']);
  });

  it('asks once for all units of ours whether systemd holds one as it was', () => {
    const ours = service({ name: 'provision-nat', enabled: true }).plan(
      captured('debian-12-service-not-found'),
      facts,
    );
    expect(ours?.apply.steps).toEqual([`systemctl enable --no-reload -- 'provision-nat.service'`]);
    expect(ours?.apply.handlers).toEqual([reloadUnits]);
    // Control: those of others ask by themselves, and have no handler.
    const other = service({ name: 'boot', enabled: true }).plan(
      captured('debian-12-service-not-found'),
      facts,
    );
    expect(other?.apply.handlers).toBeUndefined();
  });

  it('goes back to the state the unit was in', () => {
    const change = firewalld.plan(captured('debian-12-service-not-found'), facts);
    expect(change?.revert.steps).toEqual([
      keepForeignRules({ script: `systemctl 'stop' -- 'firewalld.service'`, dockerAnswers: false }),
      `systemctl 'disable' -- 'firewalld.service'`,
    ]);
  });

  it('one that a reboot finds disabled in the middle is enabled and started: this boot has its jobs already', () => {
    const running = captured('debian-12-service-running');
    const gone = service({ name: 'firewalld', running: false, enabled: false }).plan(running, facts);
    expect(gone?.revert.atBoot).toEqual([
      `systemctl 'enable' -- 'firewalld.service'`,
      `systemctl --no-block start -- 'firewalld.service'`,
    ]);
    // Control: one that stays enabled starts by itself.
    const stopped = service({ name: 'firewalld', running: false, enabled: true }).plan(running, facts);
    expect(stopped?.revert.atBoot).toEqual([]);
  });
});

describe('reloadUnits', () => {
  const transient = 'LoadState=loaded\\nFragmentPath=/run/systemd/transient/provision-rollback-x.timer\\n';
  const asks = (held: string): string =>
    execFileSync(
      'dash',
      [
        '-ec',
        // Without --all a pattern stands for units that are active only (`output_show_unit` of systemctl-list-units.c).
        `systemctl() { case "$*" in 'show --all '*) printf '${held}' ;; show*) ;; *) echo "$*" ;; esac; }\n${reloadUnits.script}`,
      ],
      { encoding: 'utf8' },
    ).trim();

  it.each([
    ['one of ours', 'LoadState=loaded\\nFragmentPath=/etc/systemd/system/provision-lb.service\\n'],
    ['one that it looked for in vain', 'LoadState=not-found\\nFragmentPath=\\n'],
  ])('has systemd read its files where it holds %s', (_what, held) => {
    expect(asks(`${transient}\\n${held}`)).toBe('daemon-reload');
  });

  it('leaves it alone where it holds none of ours but the timer of the run itself', () => {
    expect(asks(transient)).toBe('');
    expect(asks('')).toBe('');
  });
});
