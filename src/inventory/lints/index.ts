import type { HostVariables } from '../../roles/variables/index.ts';
import { addressOf } from '../../model/ipv4.ts';
import { lintAdopt } from './adopt.ts';
import { lintAppHost, lintBridges, lintGatewayBeside } from './app-host.ts';
import { lintBalance } from './balance.ts';
import { lintBandwidth, lintPeaks } from './bandwidth.ts';
import { lintDocker } from './docker.ts';
import { lintEgress } from './egress.ts';
import { lintListeners } from './listeners.ts';
import { lintPublished } from './published.ts';
import { lintZones } from './zones.ts';
import type { Lint, LintInput } from './lint.ts';
import { lintNat } from './nat.ts';
import { lintUntranslated } from './untranslated.ts';
import { lintEips, lintNetworks, lintNics, nicAddresses } from './networks.ts';

export type { Lint, LintInput } from './lint.ts';

const LINTS = [
  lintNetworks,
  lintNics,
  lintEips,
  lintNat,
  lintUntranslated,
  lintBandwidth,
  lintPeaks,
  lintZones,
  lintEgress,
  lintDocker,
  lintPublished,
  lintAppHost,
  lintBridges,
  lintGatewayBeside,
  lintListeners,
  lintBalance,
  lintAdopt,
];

/** Everything about one host that does not fit together. */
export const lintHost = (input: LintInput): Lint[] => LINTS.flatMap((lint) => [...lint(input)]);

/** Addresses that NICs of several hosts of one network have. */
export function lintAcrossHosts(
  hosts: readonly { readonly name: string; readonly vars: Readonly<HostVariables> }[],
): { host: string; lint: Lint }[] {
  const owner = new Map<string, string>();
  const found: { host: string; lint: Lint }[] = [];
  for (const { name, vars } of hosts) {
    if (!vars.nics) continue;
    for (const { nic, block, path } of nicAddresses(vars.nics)) {
      const address = addressOf(block);
      // Separate networks may well use the same addresses.
      const key = `${vars.nics[nic]?.network ?? ''} ${address}`;
      const before = owner.get(key);
      if (before === undefined) owner.set(key, name);
      else if (before !== name) {
        const message = `${address} already is an address of the host ${before}`;
        found.push({ host: name, lint: { path, message, hint: 'Give each host addresses of its own.' } });
      }
    }
  }
  return found;
}
