import { isIPv4 } from 'node:net';
import { addressOf, blockRange, formatAddress, parseCidr } from '../model/ipv4.ts';
import type { Fields } from '../model/resource.ts';
import type { DockerAnswers, DockerReads } from './docker-api.ts';
import { isOurs, recordOf, recordsOf, textOf } from './docker-json.ts';
import type { Json } from './docker-json.ts';

/** A container that a network has, running or not. */
export interface Attached {
  readonly name: string;
  /** Its address, if it is a fixed one. */
  readonly fixed: string | null;
  readonly address: string;
}

export interface DockerNetworkState {
  readonly live: Fields | null;
  /** Of a network that was read: what nobody declares, and a way back needs. */
  readonly found?: {
    readonly id: string;
    readonly ours: boolean;
    readonly definition: string;
    readonly attached: readonly Attached[];
  };
  /** The subnets of the host's other networks. */
  readonly beside?: readonly { readonly name: string; readonly subnet: string }[];
}

const BRIDGE_NAME = 'com.docker.network.bridge.name';
/** Docker 28 writes these down for every network, whether anybody asked or not. */
const DOCKERS_OWN = ['com.docker.network.enable_ipv4', 'com.docker.network.enable_ipv6'];

const subnetsOf = (network: Json): Json[] => recordsOf(recordOf(network['IPAM'])['Config']);

/** The first address of a subnet is the gateway where nobody says another. */
function gatewayOf({ Gateway, Subnet }: Json): string {
  const written = addressOf(textOf(Gateway));
  if (written !== '' || parseCidr(textOf(Subnet)) === null) return written;
  return formatAddress(blockRange(textOf(Subnet)).first + 1);
}

/** A network as Docker shows it, or as a body asks for it, field by field; `wanted` says which of Docker's choices count. */
export function networkFields(network: Json, wanted: Json): Fields {
  const options = recordOf(network['Options']);
  const declared = recordOf(wanted['Options']);
  const counted = Object.entries(options).filter(
    ([key]) => key !== BRIDGE_NAME && (key in declared || !DOCKERS_OWN.includes(key)),
  );
  return {
    driver: textOf(network['Driver']) || 'bridge',
    subnet: subnetsOf(network).map(({ Subnet }) => textOf(Subnet)),
    gateway: subnetsOf(network).map(gatewayOf),
    // Docker makes one up: br- and a part of the id.
    ...(BRIDGE_NAME in declared ? { bridge: textOf(options[BRIDGE_NAME]) } : {}),
    internal: network['Internal'] === true,
    options: counted.map(([key, value]) => `${key}=${String(value)}`).toSorted(),
  };
}

const nameOf = ({ Names, Name }: Json): string => {
  const [first] = Array.isArray(Names) ? (Names as unknown[]) : [];
  return textOf(first ?? Name).replace(/^\//, '');
};

function attachedTo(network: string, containers: readonly unknown[]): Attached[] {
  return recordsOf(containers)
    .flatMap((container): Attached[] => {
      const end = recordOf(recordOf(container['NetworkSettings'])['Networks'])[network];
      if (end === undefined) return [];
      const name = nameOf(container);
      const fixed = textOf(recordOf(recordOf(end)['IPAMConfig'])['IPv4Address']);
      const address = textOf(recordOf(end)['IPAddress']) || fixed;
      return [{ name, fixed: isIPv4(fixed) ? fixed : null, address: isIPv4(address) ? address : '' }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The body that makes this network once more. */
function definitionOf(network: Json): string {
  const { Name, Driver, Internal, Attachable, EnableIPv6, IPAM, Options, Labels } = network;
  const again = {
    Name,
    CheckDuplicate: true,
    Driver,
    Internal,
    Attachable,
    EnableIPv6,
    IPAM,
    Options,
    Labels,
  };
  return JSON.stringify(again);
}

/** What Docker's answers say of a network. */
export function networkState(
  name: string,
  docker: Extract<DockerAnswers, { state: 'running' }>,
  wanted: Json,
): DockerNetworkState {
  const networks = docker.networks.map(recordOf);
  const beside = networks
    .filter(({ Name }) => Name !== name)
    .flatMap((network) =>
      subnetsOf(network).map(({ Subnet }) => ({ name: textOf(network['Name']), subnet: textOf(Subnet) })),
    );
  const network = networks.find(({ Name }) => Name === name);
  if (!network) return { live: null, beside };
  return {
    live: networkFields(network, wanted),
    found: {
      id: textOf(network['Id']),
      ours: isOurs(network['Labels']),
      definition: definitionOf(network),
      attached: attachedTo(name, docker.attached),
    },
    beside,
  };
}

/** What provision made there and nobody declares any more: networks, and containers in networks that are declared. */
export function forgotten(
  docker: Extract<DockerAnswers, { state: 'running' }>,
  { networks, containers }: DockerReads,
): string[] {
  // Those that were set aside belong to a change that is not settled yet.
  const isOld = (name: string): boolean => !containers.includes(name) && !/\.provision-/.test(name);
  const gone = [
    ...docker.attached
      .map(recordOf)
      .filter((one) => isOurs(one['Labels'] ?? recordOf(one['Config'])['Labels']) && isOld(nameOf(one)))
      .map((one) => ['container', nameOf(one), `docker rm -f ${nameOf(one)}`]),
    ...docker.networks
      .map(recordOf)
      .filter((one) => isOurs(one['Labels']) && !networks.includes(textOf(one['Name'])))
      .map((one) => ['Docker network', textOf(one['Name']), `docker network rm ${textOf(one['Name'])}`]),
  ];
  return gone.map(
    ([what = '', name = '', remove = '']) =>
      `${what} ${name}, which provision made, is not declared any more: ${remove}`,
  );
}
