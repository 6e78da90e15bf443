import { isIPv4 } from 'node:net';
import { shown } from '../../roles/variables/text.ts';
import { addressesIn } from './aliyun-entries.ts';
import type { AliyunNat, EipAddress, ForwardEntry, NatGateway, SnatEntry } from './aliyun-responses.ts';
import { namer } from './gateway-names.ts';
import { isUsable, remarkOf, titleOf } from './import-notes.ts';
import type { Notes } from './import-notes.ts';
import type { ImportedEip, ImportedPackage } from './imported-gateway.ts';

/** Every EIP of the gateway: bound to it, listed by it, or used by an entry. */
export function eipsOf(
  captured: AliyunNat,
  gateway: NatGateway | undefined,
  { forwards, snats }: { forwards: readonly ForwardEntry[]; snats: readonly SnatEntry[] },
  map: ReadonlyMap<string, string>,
  found: Notes,
): ImportedEip[] {
  const known = new Map(captured.eips.map((eip) => [eip.IpAddress, eip]));
  const bound = captured.eips.filter(
    (eip) =>
      eip.InstanceId !== '' &&
      (gateway === undefined ? /^nat$/i.test(eip.InstanceType) : eip.InstanceId === gateway.NatGatewayId),
  );
  const listed = gateway?.IpLists?.map((entry) => entry.IpAddress) ?? [];
  const used = [
    ...forwards.map((entry) => entry.ExternalIp),
    ...snats.flatMap((entry) => addressesIn(entry.SnatIp)),
  ];
  const all = [...new Set([...bound.map((eip) => eip.IpAddress), ...listed, ...used])];
  const others = captured.eips.filter((eip) => !all.includes(eip.IpAddress));
  if (others.length > 0) found.add(`${others.length} other EIPs`, 'they belong to nothing that was imported');
  const unique = namer();
  return all.flatMap((address): ImportedEip[] => {
    if (!isIPv4(address)) {
      // What uses it is told at its entry.
      if (!used.includes(address)) found.add(`EIP ${shown(address)}`, 'this is no IPv4 address: left out');
      return [];
    }
    const eip = known.get(address);
    const name = unique(eip?.Name ?? '', `eip-${address.replaceAll('.', '-')}`);
    const own = map.get(address) ?? null;
    const why =
      'the cloud’s NAT gateway has no NIC of yours: fill in the address of the NIC it will be mapped to';
    if (own === null) found.add(`eips.${name}.private`, `${why}, or give --map ${address}=ADDRESS/PREFIX`);
    return [
      {
        name,
        public: address,
        private: own,
        peak: peakOf(eip, name, found),
        remark: remarkOf(eip?.Name ?? '', name),
      },
    ];
  });
}

const mbit = (text: string): string | null => (/^[1-9]\d{0,6}$/.test(text) ? `${text}mbit` : null);

/** In a package `Bandwidth` is that of the package, and EipBandwidth the address's own. */
function peakOf(eip: EipAddress | undefined, name: string, found: Notes): string | null {
  if (eip === undefined) return null;
  const own = eip.BandwidthPackageId === '' ? eip.Bandwidth || eip.EipBandwidth : eip.EipBandwidth;
  if (own === '') return null;
  const peak = mbit(own);
  if (peak === null) found.add(`eips.${name}.peak`, `${shown(own)} is no number of Mbit/s: left out`);
  return peak;
}

/** Packages with a member here; one that only the EIPs tell of counts too. */
export function packagesOf(
  { packages, eips }: AliyunNat,
  mine: readonly ImportedEip[],
  found: Notes,
): ImportedPackage[] {
  const unique = namer();
  const membership = new Map(eips.map((eip) => [eip.IpAddress, eip]));
  const told = new Set(packages.map((each) => each.BandwidthPackageId));
  const untold = mine.flatMap((eip) => {
    const own = membership.get(eip.public);
    return own === undefined || own.BandwidthPackageId === '' || told.has(own.BandwidthPackageId)
      ? []
      : [own];
  });
  const all = [
    ...packages.map((each) => ({
      id: each.BandwidthPackageId,
      wish: each.Name,
      rate: each.Bandwidth,
      status: each.Status,
      addresses: (each.PublicIpAddresses ?? []).map((member) => member.IpAddress),
    })),
    ...[...new Set(untold.map((eip) => eip.BandwidthPackageId))].map((id) => {
      const members = untold.filter((eip) => eip.BandwidthPackageId === id);
      return {
        id,
        wish: '',
        rate: members[0]?.BandwidthPackageBandwidth || (members[0]?.Bandwidth ?? ''),
        status: '',
        addresses: members.map((eip) => eip.IpAddress),
      };
    }),
  ];
  return all.flatMap(({ id, wish, rate, status, addresses }): ImportedPackage[] => {
    const title = `bandwidth package ${titleOf(wish, id)}`;
    const members = mine.filter(
      (eip) => addresses.includes(eip.public) || membership.get(eip.public)?.BandwidthPackageId === id,
    );
    if (members.length === 0) {
      found.add(title, 'none of its EIPs belongs to this gateway: left out');
      return [];
    }
    if (!isUsable(title, status, found)) return [];
    const cap = mbit(rate);
    if (cap === null) {
      found.add(title, `its Bandwidth is ${shown(rate)}, no number of Mbit/s: left out`);
      return [];
    }
    const strangers = addresses.filter((address) => !members.some((eip) => eip.public === address));
    if (strangers.length > 0)
      found.add(
        title,
        `it also holds ${strangers.map(shown).join(', ')}, which are not of this gateway: they no longer share the cap`,
      );
    const name = unique(wish, id);
    return [{ name, cap, eips: members.map((eip) => eip.name), remark: remarkOf(wish, name) }];
  });
}
