import { ProvisionError } from '../../model/error.ts';
import { shown } from '../../roles/variables/text.ts';
import { eipsOf, packagesOf } from './aliyun-eips.ts';
import { dnatOf, snatOf } from './aliyun-entries.ts';
import type { AliyunNat, NatGateway } from './aliyun-responses.ts';
import { namer } from './gateway-names.ts';
import { isUsable, notes, titleOf } from './import-notes.ts';
import type { ImportedGateway } from './imported-gateway.ts';

export interface ImportChoices {
  /** NatGatewayId, needed where the files speak of several. */
  readonly gateway?: string | undefined;
  /** Public address → address of our NIC, with or without its prefix length. */
  readonly map: ReadonlyMap<string, string>;
}

/**
 * One NAT gateway of Alibaba Cloud in the words of an inventory. What it cannot say is in `notes`, never left out in
 * silence. Throws `usage` where it is not clear which gateway is meant, or `map` names an address that is not there.
 */
export function importAliyunNat(
  captured: AliyunNat,
  { gateway: wanted, map }: ImportChoices,
): ImportedGateway {
  const found = notes();
  captured.incomplete.forEach((note) => found.list.push(note));
  const gateway = chosenGateway(captured, wanted);
  const mine = tablesOf(gateway, captured);
  const forwards = captured.forwards.filter((entry) => mine(entry.NatGatewayId, entry.ForwardTableId));
  const snats = captured.snats.filter((entry) => mine(entry.NatGatewayId, entry.SnatTableId));
  const usable = {
    forwards: forwards.filter((entry) =>
      isUsable(titleOf(entry.ForwardEntryName, entry.ForwardEntryId), entry.Status, found),
    ),
    snats: snats.filter((entry) =>
      isUsable(titleOf(entry.SnatEntryName, entry.SnatEntryId), entry.Status, found),
    ),
  };
  const named = eipsOf(captured, gateway, usable, map, found);
  const nameOf = (address: string): string | undefined => named.find((eip) => eip.public === address)?.name;
  const missing = [...map.keys()].find((address) => nameOf(address) === undefined);
  if (missing !== undefined) {
    throw new ProvisionError('usage', `--map names ${missing}, which is no EIP of this gateway.`, {
      hint: `Its EIPs: ${named.map((eip) => eip.public).join(', ') || 'none'}.`,
    });
  }
  const unique = namer();
  return {
    source:
      gateway === undefined
        ? 'a NAT gateway of Alibaba Cloud'
        : `NAT gateway ${shown(gateway.NatGatewayId)} of Alibaba Cloud`,
    eips: named,
    snat: snatOf(usable.snats, nameOf, found),
    dnat: usable.forwards.flatMap((entry) => dnatOf(entry, nameOf, unique, found) ?? []),
    bandwidth: packagesOf(captured, named, found),
    notes: found.list,
  };
}

function chosenGateway(
  { forwards, snats, gateways }: AliyunNat,
  wanted: string | undefined,
): NatGateway | undefined {
  const ids = [
    ...new Set([...gateways, ...forwards, ...snats].map((each) => each.NatGatewayId).filter(Boolean)),
  ];
  if (wanted !== undefined && !ids.includes(wanted)) {
    throw new ProvisionError('usage', `There is no NAT gateway ${wanted} in these files.`, {
      hint: `There are: ${ids.join(', ') || 'none with an id'}.`,
    });
  }
  if (wanted === undefined && ids.length > 1) {
    throw new ProvisionError('usage', `These files speak of ${ids.length} NAT gateways.`, {
      hint: `Choose one: --gateway ${ids.map((id) => shown(id).slice(1, -1)).join(' or --gateway ')}.`,
    });
  }
  const id = wanted ?? ids[0];
  if (id === undefined) return undefined;
  const gateway = gateways.find((each) => each.NatGatewayId === id);
  if (gateway?.NetworkType === 'intranet') {
    throw new ProvisionError(
      'inventory',
      `${shown(id)} is a VPC NAT gateway (NetworkType intranet): it has no public addresses.`,
      { hint: 'Give an Internet NAT gateway.' },
    );
  }
  return gateway ?? { NatGatewayId: id, Name: '', NetworkType: '' };
}

/** Entries name their gateway, older ones only their table; where neither is told, they are all of the one gateway. */
function tablesOf(
  gateway: NatGateway | undefined,
  { gateways }: AliyunNat,
): (id: string, table: string) => boolean {
  const owner = (table: string): string | undefined =>
    gateways.find((each) => [...(each.ForwardTableIds ?? []), ...(each.SnatTableIds ?? [])].includes(table))
      ?.NatGatewayId;
  return (id, table) =>
    gateway === undefined || (id || owner(table) || gateway.NatGatewayId) === gateway.NatGatewayId;
}
