import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import pLimit from 'p-limit';
import { run } from './command.ts';
import { ensureImages } from './image.ts';
import { makeRoot, startMachine } from './machine.ts';
import type { LabNames } from './names.ts';
import { labNames } from './names.ts';
import { requireInotify } from './requirements.ts';
import { makeFabric, plugHost } from './network.ts';
import type { LabHost, LabPlan } from './plan.ts';
import type { Process } from './process.ts';
import { waitForHost } from './ready.ts';
import { knownHostsLine, sshConfigText } from './ssh-config.ts';
import type { LabState } from './state.ts';
import { planHashOf, writeState } from './state.ts';

/** Makes a lab where there is nothing of it. Needs the lab's lock. */
export async function buildLab(
  plan: LabPlan,
  id: string,
  source: string,
  progress: (line: string) => void,
): Promise<LabState> {
  const names = labNames(id);
  plan.notes.forEach(progress);
  requireInotify(plan.hosts.length, progress);
  await ensureImages(
    plan.hosts.map((host) => host.image),
    progress,
  );
  mkdirSync(names.stateDir, { recursive: true, mode: 0o700 });
  const machines: Record<string, Process> = {};
  const state = (phase: LabState['phase']): LabState => ({
    id,
    source,
    phase,
    planHash: planHashOf(plan),
    plan,
    machines,
  });
  writeState(state('starting'));

  const operatorKey = await makeOperatorKey(names);
  writeFileSync(names.sshConfig, sshConfigText(plan, names), { mode: 0o600 });
  progress(`making the networks of lab ${id}`);
  await makeFabric(plan, names);
  progress(`booting ${plan.hosts.map((host) => host.name).join(', ')}`);
  const knownHosts = new Map<string, string>();
  const bootHost = async (host: LabHost) => {
    const publicKey = await makeRoot(host, names, operatorKey);
    knownHosts.set(host.name, knownHostsLine(host, publicKey));
    await plugHost(plan, host, names);
    machines[host.name] = startMachine(host, names);
    writeState(state('starting'));
  };
  // More at a time only wait for the same disk and processors.
  await pLimit(4).map([...plan.hosts], bootHost);
  const lines = plan.hosts.map((host) => `${knownHosts.get(host.name) ?? ''}\n`);
  writeFileSync(names.knownHosts, lines.join(''), { mode: 0o600 });
  await Promise.all(
    plan.hosts.map(async (host) => {
      const machine = machines[host.name];
      if (machine !== undefined) await waitForHost(host, names, machine);
    }),
  );
  writeState(state('up'));
  return state('up');
}

/** The operator's key pair of this lab; returns the public half. */
async function makeOperatorKey(names: LabNames): Promise<string> {
  await run([
    'ssh-keygen',
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-C',
    `operator of ${names.id}`,
    '-f',
    names.operatorKey,
  ]);
  return readFileSync(`${names.operatorKey}.pub`, 'utf8');
}
