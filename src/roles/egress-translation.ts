import { addressOf } from '../model/ipv4.ts';
import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import type { SshConnection } from '../model/ssh-connection.ts';
import { merged, rangeText, smallestFirst } from './address-ranges.ts';
import { addressesOf, sourcesOf, wayOf } from './egress-ways.ts';
import { rulesAtBoot } from './rules-at-boot.ts';
import type { EgressEntry, HostVariables } from './variables/index.ts';
import { publishedParts } from './variables/ports.ts';

/** A port of a NIC that leads to the address of a bridge. */
interface Published {
  readonly name: string;
  /** The NIC's address, and the public one: clients on the host itself send to that. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly to: string;
}

/** What the host translates for its apps, and what may leave by which NIC. */
export interface EgressTranslation {
  readonly nics: readonly { readonly nic: string; readonly addresses: readonly string[] }[];
  /** Everything that this host sends as, before and after a translation. */
  readonly own: readonly string[];
  readonly published: readonly Published[];
  /** Sources that leave as an address of their NIC. */
  readonly translated: readonly { readonly source: string; readonly address: string }[];
  /** Users whose NIC would send as its primary address, and who are to leave as another. */
  readonly users: readonly {
    readonly user: string;
    readonly nic: string;
    readonly primary: string;
    readonly address: string;
  }[];
}

const publishedBy = (entry: EgressEntry, vars: HostVariables): Published[] => {
  const { address, public: outside } = wayOf(entry, vars);
  const { name, address: to, publish = [] } = entry;
  if (entry.scheme !== 'bridge' || to === undefined) return [];
  return publish.map((text) => {
    const { outer, protocol } = publishedParts(text);
    return {
      name,
      addresses: [...new Set([address, outside])],
      port: outer,
      protocol,
      to: `${to} . ${publishedParts(text).inner}`,
    };
  });
};

/** Variables of a host → what is translated there. */
export function egressTranslation(vars: HostVariables): EgressTranslation {
  const nics = Object.entries(vars.nics ?? {}).map(([nic, one]) => ({ nic, addresses: addressesOf(one) }));
  const entries = vars.egress ?? [];
  const translated = entries.flatMap((entry) =>
    sourcesOf(entry, entries).map((source) => ({ source, address: wayOf(entry, vars).address })),
  );
  return {
    nics,
    own: [...nics.flatMap(({ addresses }) => addresses), ...translated.map(({ source }) => source)],
    published: entries.flatMap((entry) => publishedBy(entry, vars)),
    translated,
    users: entries.flatMap((entry) => {
      const { nic, address } = wayOf(entry, vars);
      const primary = addressOf(vars.nics?.[nic]?.address ?? '');
      if (address === primary) return [];
      return (entry.users ?? []).map((user) => ({ user: String(user), nic, primary, address }));
    }),
  };
}

const elements = (items: readonly string[]): string => [...new Set(items)].join(',\n\t\t\t');

/** A map for each protocol: nftables 0.9.8 (Debian 11) takes no key of three parts where the value has two. */
const elementsOf = (published: EgressTranslation['published'], wanted: 'tcp' | 'udp'): string[] =>
  published
    .filter(({ protocol }) => protocol === wanted)
    .flatMap(({ addresses, port, to }) => addresses.map((address) => `${address} . ${port} : ${to}`));

const templateData = ({ nics, own, published, translated, users }: EgressTranslation) => ({
  nics: elements(nics.map(({ nic }) => `"${nic}"`)),
  own: elements(merged(own).map(rangeText)),
  dnatTcp: elements(elementsOf(published, 'tcp')),
  dnatUdp: elements(elementsOf(published, 'udp')),
  snatTo: elements(
    smallestFirst(translated.map(({ source, address }) => ({ block: source, value: address }))).map(
      (range) => `${rangeText(range)} : ${range.value}`,
    ),
  ),
  users,
  guarded: nics.map(({ nic, addresses }) => ({ nic, addresses: addresses.join(', ') })),
});

/** Why the SSH connection of a run would not come in once these are loaded; null = it would. */
function lockout({ published }: EgressTranslation, { address, port }: SshConnection): string | null {
  const taken = published.find(
    (one) => one.protocol === 'tcp' && one.port === port && one.addresses.includes(address),
  );
  return taken
    ? `the entry ${taken.name} of egress takes ${address}:${port} to ${taken.to.replace(' . ', ':')}`
    : null;
}

/**
 * The table of an app host: ports of bridges in, their sources and those of containers out, and a guard that drops what
 * would leave a NIC with another one's source. In nftables only: chains of iptables do not outlive a reload of firewalld.
 */
export function egressRules(vars: HostVariables, absent: boolean, context: RoleContext): Resource[] {
  const wanted = egressTranslation(vars);
  return rulesAtBoot(
    {
      name: 'egress',
      description: 'Translation for apps of several NICs, by provision',
      engine: 'nftables',
      ...(absent ? {} : { lockout: (ssh: SshConnection) => lockout(wanted, ssh) }),
      nftables: absent ? null : context.template('nftables/egress.nft', templateData(wanted)),
      iptables: null,
    },
    context,
  );
}
