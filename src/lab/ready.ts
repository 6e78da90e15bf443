import { readFileSync } from 'node:fs';
import { ProvisionError } from '../model/error.ts';
import { attempt } from './command.ts';
import { execInside } from './exec.ts';
import { initOf } from './machine.ts';
import type { LabNames } from './names.ts';
import type { LabHost } from './plan.ts';
import type { Process } from './process.ts';
import { isAlive, waitUntil } from './process.ts';

const LISTEN = '0A';

/** TCP ports that somebody listens on in the network namespace of a process. */
function listeningPorts(pid: number): Set<number> {
  const ports = new Set<number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'latin1').split('\n').slice(1)) {
      const [, local = '', , state] = line.trim().split(/\s+/);
      if (state === LISTEN) ports.add(parseInt(local.split(':')[1] ?? '', 16));
    }
  }
  return ports;
}

async function answersSsh(host: LabHost, names: LabNames): Promise<boolean> {
  const banner = await attempt(
    ['ip', 'netns', 'exec', names.controller, 'nc', '-w', '2', host.address, String(host.sshPort)],
    'lab\r\n',
  );
  return banner.stdout.startsWith('SSH-');
}

/** Waits until a host is booted: everything listens, its boot is over, and its sshd answers the operator. */
export async function waitForHost(host: LabHost, names: LabNames, machine: Process): Promise<void> {
  const fail = (what: string) =>
    new ProvisionError('internal', `${host.name} did not boot: ${what}`, {
      hint: `Read ${names.console(host.name)}, then type: provision lab down -i INVENTORY`,
    });
  const listens = () => {
    if (!isAlive(machine)) throw fail('its systemd-nspawn has ended');
    const init = initOf(machine);
    if (init === null) return false;
    const ports = listeningPorts(init);
    return [host.sshPort, ...host.serve].every((port) => ports.has(port));
  };
  if (!(await waitUntil(listens, 60_000))) throw fail('sshd or an echo service does not listen');
  const booted = async () => {
    const init = initOf(machine);
    if (init === null) return false;
    const { stdout } = await execInside(init, ['systemctl', 'is-system-running']);
    return ['running', 'degraded'].includes(stdout.trim());
  };
  if (!(await waitUntil(booted, 90_000, 100))) throw fail('systemd is still starting services');
  if (!(await waitUntil(() => answersSsh(host, names), 20_000, 100)))
    throw fail('its sshd does not answer through the fabric');
}
