import { run } from './command.ts';
import { counterName } from './fabric-rules.ts';
import { labNames } from './names.ts';
import type { Lab } from './index.ts';

/** How many packets each NIC (`host/nic`) sent with a source that is not its own, since `up` or the last reset. */
export async function labWrongSource(lab: Lab): Promise<Record<string, number>> {
  const text = await run([
    'ip',
    'netns',
    'exec',
    labNames(lab.id).fabric,
    'nft',
    '-j',
    'list',
    'counters',
    'table',
    'ip',
    'cloud',
  ]);
  const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] };
  const packets = new Map(
    nftables.flatMap(({ counter }) =>
      counter === undefined ? [] : [[counter.name, counter.packets] as const],
    ),
  );
  const nics = lab.hosts.flatMap((host) => host.nics);
  return Object.fromEntries(
    nics.map((nic) => [`${nic.host}/${nic.name}`, packets.get(counterName(nic)) ?? 0]),
  );
}

/** Sets all of these counters to zero. */
export async function labResetCounters(lab: Lab): Promise<void> {
  await run([
    'ip',
    'netns',
    'exec',
    labNames(lab.id).fabric,
    'nft',
    'reset',
    'counters',
    'table',
    'ip',
    'cloud',
  ]);
}
