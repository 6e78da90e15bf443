import type { HostAddress } from './host-reading.ts';
import type { Recognised } from './host-listeners.ts';
import type { Notes } from './import-notes.ts';
import { bare, natRules, saysOnly } from './iptables-text.ts';
import type { Rule } from './iptables-text.ts';

/** An entry of `egress`, scheme bridge. */
export interface ImportedBridge {
  readonly name: string;
  readonly nic: string;
  readonly scheme: 'bridge';
  readonly bridge: string;
  readonly address: string;
  readonly publish: readonly string[];
}

/** Does this rule lead a port of `own` to `inner`? `! -i BRIDGE` says no more than that it does not lead back in. */
const leadsTo =
  (own: string, inner: string, bridge: string) =>
  (rule: Rule): boolean =>
    saysOnly(rule, ['-d', '-p', '--dport', '! -i', '-j', '--to-destination']) &&
    bare(rule.options.get('-d') ?? '') === own &&
    (rule.options.get('! -i') ?? bridge) === bridge &&
    /^(tcp|udp)$/.test(rule.options.get('-p') ?? '') &&
    new RegExp(`^${inner.replaceAll('.', '\\.')}(:\\d+)?$`).test(rule.options.get('--to-destination') ?? '');

function publishOf({ options }: Rule): string {
  const outer = options.get('--dport') ?? '';
  const inner = /:(\d+)$/.exec(options.get('--to-destination') ?? '')?.[1] ?? outer;
  return `${outer}:${inner}${options.get('-p') === 'udp' ? '/udp' : ''}`;
}

/** Bridges whose address leaves by a chosen address of the host: apps that listen on them, as `egress`. */
export function importBridges(
  rules: readonly Rule[],
  addresses: readonly HostAddress[],
  dockerBridges: readonly string[],
  notes: Notes,
): Recognised<ImportedBridge> {
  const bridges = addresses.filter(({ kind, nic }) => kind === 'bridge' && !dockerBridges.includes(nic));
  const made = bridges.flatMap(({ nic: bridge, address, prefix }) => {
    const snat = natRules(rules, 'POSTROUTING', 'SNAT').find(
      (rule) => saysOnly(rule, ['-s', '-j', '--to-source']) && bare(rule.options.get('-s') ?? '') === address,
    );
    const out = snat?.options.get('--to-source') ?? '';
    const nic = addresses.find((each) => each.address === out && each.kind !== 'bridge')?.nic;
    if (!snat || nic === undefined) {
      notes.add(`bridge ${bridge} (${address}/${prefix})`, 'no SNAT rule leads its address out by a NIC');
      return [];
    }
    const dnat = natRules(rules, 'PREROUTING', 'DNAT').filter(leadsTo(out, address, bridge));
    if (prefix < 32)
      notes.add(
        `bridge ${bridge}`,
        `its address ${address}/${prefix} puts all of that network behind the bridge; provision gives it a /32`,
      );
    const entry: ImportedBridge = {
      ...{ name: bridge, nic, scheme: 'bridge', bridge, address },
      publish: dnat.map(publishOf),
    };
    return [{ entry, used: [snat, ...dnat] }];
  });
  return { found: made.map(({ entry }) => entry), used: made.flatMap(({ used }) => used) };
}
