import type { Fields } from '../model/resource.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { AWAIT_FIREWALLD } from './firewalld-dbus.ts';
import { keepForeignRules } from './foreign-rules.ts';
import { reloadUnits } from './reload-units.ts';

export interface ServiceProps {
  /** Unit name; without a suffix `.service` is meant. */
  readonly name: string;
  /** Left out = whatever it is: for a unit that only matters at boot. */
  readonly running?: boolean;
  readonly enabled: boolean;
}

interface ServiceState {
  readonly live?: Fields;
  readonly saved: Fields;
}

const unit = (name: string): string => (/\.[a-z]+$/.test(name) ? name : `${name}.service`);

/**
 * Early at boot nothing can be waited for (--no-block). What is to run starts by itself when it is enabled, but one that
 * is enabled only now is not among the jobs of this boot any more, and is started. What is not to run must have its
 * queued start replaced, or it would still come up this once.
 */
const atBoot = (steps: readonly string[], name: string): string[] =>
  steps.flatMap((step) => {
    if (step.startsWith("systemctl 'start'")) return [];
    if (step.startsWith("systemctl 'enable'")) return [step, sh`systemctl --no-block start -- ${unit(name)}`];
    return [step.replace(/^systemctl 'stop'/, "systemctl --no-block 'stop'")];
  });

/**
 * firewalld is up only when it answers, and our next connection must not come before. It deletes the rules of all when it
 * starts, and when it stops (CleanupOnExit of firewalld.conf(5)).
 */
function withOthersKept(step: string, name: string): string {
  if (unit(name) !== 'firewalld.service') return step;
  if (step.startsWith("systemctl 'start'"))
    return keepForeignRules({ script: `${step}\n${AWAIT_FIREWALLD}`, dockerAnswers: true });
  return step.startsWith("systemctl 'stop'")
    ? keepForeignRules({ script: step, dockerAnswers: false })
    : step;
}

/** Units of ours, which `reloadUnits` looks after. */
const isOurs = (name: string): boolean => name.startsWith('provision-');

/**
 * Enables what need not run now. The reload of systemd that `systemctl enable` does, a tenth of a second, is for what is
 * started next: it is left out unless systemd holds the unit as it was before. To ask that is a program too: of all of ours
 * it is asked once, in the end.
 */
const enableOnly = (name: string): string =>
  isOurs(name)
    ? sh`systemctl enable --no-reload -- ${unit(name)}`
    : sh`systemctl enable --no-reload -- ${unit(name)}
[ "$(systemctl show -p NeedDaemonReload -p UnitFileState -- ${unit(name)} | sort)" = 'NeedDaemonReload=no
UnitFileState=enabled' ] || systemctl daemon-reload`;

/** sshd is `ssh` on Debian, `sshd` elsewhere and as its alias. */
function lockout({ live, saved }: ServiceState, name: string, ssh: SshConnection | null): string | null {
  if (ssh === null || !['ssh.service', 'sshd.service'].includes(unit(name))) return null;
  if (live && live['running'] !== true)
    return `service ${name}, which answers this SSH connection, would be stopped`;
  return saved['enabled'] === true
    ? null
    : `service ${name}, which answers this SSH connection, would not start at the next boot`;
}

/** What systemd says of a unit that it does not know is LoadState=not-found. */
export const service = defineResource<ServiceProps, ServiceState>({
  kind: 'service',
  name: ({ name }) => name,
  desired: ({ running, enabled }) => ({
    ...(running === undefined ? {} : { live: { running } }),
    saved: { enabled, masked: false },
  }),
  probe: ({ name }) => [{ unit: unit(name) }],
  parse: ({ stdout }, { running }) => {
    const has = (line: string): boolean => stdout.split('\n').includes(line);
    return {
      ...(running === undefined
        ? {}
        : { live: { running: has('ActiveState=active') || has('ActiveState=reloading') } }),
      saved: {
        enabled: has('UnitFileState=enabled') || has('UnitFileState=enabled-runtime'),
        masked: has('LoadState=masked'),
      },
    };
  },
  transition: ({ from, to }, { name }) => {
    const systemctl = (verb: string): string => sh`systemctl ${verb} -- ${unit(name)}`;
    const steps: string[] = [];
    // A masked unit can be neither enabled nor started, and a mask over a running unit hides it: the order matters.
    if (from.saved.masked && !to.saved.masked) steps.push(systemctl('unmask'));
    if (to.saved.enabled && !from.saved.enabled) steps.push(systemctl('enable'));
    if (to.live?.['running'] && !from.live?.['running']) steps.push(systemctl('start'));
    if (!to.live?.['running'] && from.live?.['running']) steps.push(systemctl('stop'));
    if (!to.saved.enabled && from.saved.enabled) steps.push(systemctl('disable'));
    if (to.saved.masked && !from.saved.masked) steps.push(systemctl('mask'));
    const starts = to.live?.['running'] === true;
    const enablesOnly = !starts && steps.includes(systemctl('enable'));
    return {
      steps: steps.map((step) =>
        step === systemctl('enable') && enablesOnly ? enableOnly(name) : withOthersKept(step, name),
      ),
      ...(enablesOnly && isOurs(name) ? { handlers: [reloadUnits] } : {}),
      atBoot: atBoot(steps, name),
    };
  },
  lockout: (to, { ssh }, { name }) => lockout(to, name, ssh),
  cuts: ({ field, after }, { name }) => (field === 'running' && after === false ? [`service ${name}`] : []),
  sentence: ({ field, before }, { name }) => {
    const words: Record<string, [string, string]> = {
      running: ['is running', 'is not running'],
      enabled: ['is enabled at boot', 'is not enabled at boot'],
      masked: ['is masked', 'is not masked'],
    };
    return `service ${name} ${words[field]?.[before === true ? 0 : 1] ?? field}`;
  },
});
