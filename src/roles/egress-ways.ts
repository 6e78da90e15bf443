import { addressOf, networkOf, prefixLength } from '../model/ipv4.ts';
import { FIRST_OF_OURS } from '../resources/index.ts';
import type { PolicyRoutingProps, RoutedNic } from '../resources/index.ts';
import type { EgressEntry, HostVariables, Nic } from './variables/index.ts';

/** Every address of a NIC, the primary one first. */
export const addressesOf = ({ address, secondary }: Nic): string[] => [address, ...secondary].map(addressOf);

/** How an entry of `egress` is reached and leaves. */
export interface EgressWay {
  readonly nic: string;
  /** The NIC's address that stands for the entry: of its `eip`, else the primary one. */
  readonly address: string;
  /** The public address that the outside sees; without an EIP the address itself. */
  readonly public: string;
}

/** The way of an entry, as the outside and the NIC see it. */
export function wayOf({ nic, eip }: Pick<EgressEntry, 'nic' | 'eip'>, vars: HostVariables): EgressWay {
  const chosen = eip === undefined ? undefined : vars.eips?.[eip];
  const address = chosen?.private ?? addressOf(vars.nics?.[nic]?.address ?? '');
  const mapped = chosen ?? Object.values(vars.eips ?? {}).find((one) => one.private === address);
  return { nic, address, public: mapped?.public ?? address };
}

/** A block without a prefix length that says nothing. */
const plain = (block: string): string => block.replace(/\/32$/, '');

/** What an entry of `egress` sends as before anything translates it: addresses and networks. */
export function sourcesOf(entry: EgressEntry, all: readonly EgressEntry[]): string[] {
  if (entry.scheme === 'bridge') return entry.address === undefined ? [] : [entry.address];
  const { network, containers = [] } = entry;
  if (network === undefined) return [];
  // Containers of one network may leave by several NICs; then each of them is named.
  const shared = all.some(
    (other) => other.network?.name === network.name && (other.nic !== entry.nic || other.eip !== entry.eip),
  );
  return shared ? containers.map(({ ip }) => ip) : [plain(network.subnet)];
}

function routedNic(name: string, nic: Nic, index: number, vars: HostVariables): RoutedNic {
  const blocks = [nic.address, ...nic.secondary].filter((block) => prefixLength(block) < 32);
  // The first address of a network is the one that the host uses there.
  const networks = new Map(blocks.toReversed().map((block) => [networkOf(block), addressOf(block)]));
  const gateway = nic.network === undefined ? undefined : vars.networks?.[nic.network]?.gateway;
  return {
    name,
    table: FIRST_OF_OURS + index,
    address: addressOf(nic.address),
    networks: [...networks].map(([cidr, address]) => ({ cidr, address })),
    gateway: gateway ?? null,
  };
}

/** Entries of one NIC may share a network. */
const uniqueBlocks = <T extends { readonly block: string }>(sources: readonly T[]): T[] => [
  ...new Map(sources.map((source) => [source.block, source])).values(),
];

/** Variables of a host → which source and which user leaves by which NIC. */
export function egressRouting(vars: HostVariables): PolicyRoutingProps {
  const nics = Object.entries(vars.nics ?? {});
  const entries = vars.egress ?? [];
  return {
    nics: nics.map(([name, nic], index) => routedNic(name, nic, index, vars)),
    sources: [
      ...nics.flatMap(([name, nic]) => addressesOf(nic).map((block) => ({ block, nic: name }))),
      ...uniqueBlocks(
        entries.flatMap((entry) => sourcesOf(entry, entries).map((block) => ({ block, nic: entry.nic }))),
      ),
    ],
    users: entries.flatMap(({ nic, users = [] }) => users.map((user) => ({ user: String(user), nic }))),
  };
}
