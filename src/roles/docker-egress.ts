import { egress, reach } from '../checks/index.ts';
import { blockRange, formatAddress } from '../model/ipv4.ts';
import type { CheckSpec, RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import {
  dockerContainer,
  dockerImage,
  dockerNetwork,
  onlyWhere,
  OUR_LABEL,
  packageInstalled,
  service,
  toBaseline,
} from '../resources/index.ts';
import { declaredAt, placeOf } from './declared-at.ts';
import { wayOf } from './egress-ways.ts';
import type { Container, DockerNetwork, EgressEntry, HostVariables } from './variables/index.ts';
import { publishedParts } from './variables/ports.ts';

/** Debian's package, where no other dockerd is there already. */
const NO_DOCKER = '! command -v dockerd >/dev/null';

/** How many containers are asked in every run: each question is a connection of its own. */
const ASKED_ALWAYS = 4;

interface DockerEntry extends EgressEntry {
  readonly network: DockerNetwork;
  /** Its place in `egress`. */
  readonly index: number;
}

interface Placed {
  readonly entry: DockerEntry;
  readonly container: Container;
  readonly path: readonly (string | number)[];
}

interface SharedNetwork {
  readonly network: DockerNetwork;
  readonly first: DockerEntry;
  /** The NIC's address that everything in it leaves as; null = its containers leave by several. */
  readonly address: string | null;
}

const entriesOf = ({ egress: all = [] }: HostVariables): DockerEntry[] =>
  all.flatMap((entry, index) =>
    entry.scheme === 'docker' && entry.network ? [{ ...entry, network: entry.network, index }] : [],
  );

const containersOf = (entries: readonly DockerEntry[]): Placed[] =>
  entries.flatMap((entry) =>
    (entry.containers ?? []).map((container, position) => ({
      entry,
      container,
      path: ['egress', entry.index, 'containers', position],
    })),
  );

/** Entries may share a network, which is declared once then. */
function networksOf(entries: readonly DockerEntry[], vars: HostVariables): SharedNetwork[] {
  const byName = new Map<string, SharedNetwork>();
  for (const entry of entries) {
    const { address } = wayOf(entry, vars);
    const before = byName.get(entry.network.name);
    if (!before) byName.set(entry.network.name, { network: entry.network, first: entry, address });
    else if (before.address !== address) byName.set(entry.network.name, { ...before, address: null });
  }
  return [...byName.values()];
}

/** The first address of a subnet is the host's where nobody says another, as Docker has it. */
const gatewayOf = ({ subnet, gateway }: DockerNetwork): string =>
  gateway ?? formatAddress(blockRange(subnet).first + 1);

/**
 * The network as the Engine's API is asked for it. Docker itself then translates what leaves it to the NIC's address
 * (host_ipv4: moby, libnetwork/drivers/bridge), but for one whose containers leave by several.
 */
function definitionOf({ network, address }: SharedNetwork, { template }: RoleContext): string {
  const { name, subnet, bridge, options } = network;
  return template('docker/network.json', {
    name,
    subnet,
    gateway: gatewayOf(network),
    options: {
      ...(bridge === undefined ? {} : { 'com.docker.network.bridge.name': bridge }),
      ...(address === null ? {} : { 'com.docker.network.host_ipv4': address }),
      ...Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value)])),
    },
  });
}

/** Networks and containers of the host as resources, read together. */
function things(vars: HostVariables, context: RoleContext) {
  const { host } = context;
  const entries = entriesOf(vars);
  const [networks, containers] = [networksOf(entries, vars), containersOf(entries)];
  const reads = {
    networks: networks.map(({ network }) => network.name),
    containers: containers.map(({ container }) => container.name),
    images: [...new Set(containers.map(({ container }) => container.image))],
  };
  const made = ({ entry, container }: Placed): Resource => {
    const { name, image, ip, publish, environment, restart, command } = container;
    const { address } = wayOf(entry, vars);
    return dockerContainer({
      ...{ name, image, restart, reads },
      network: entry.network.name,
      address: ip,
      publish: publish.map((text) => {
        const { outer, inner, protocol } = publishedParts(text);
        return { address, port: outer, to: inner, protocol };
      }),
      environment: Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [key, String(value)]),
      ),
      ...(command ? { command } : {}),
    });
  };
  return {
    images: reads.images.map((name) => dockerImage({ name, reads })),
    networks: networks.flatMap((one) =>
      declaredAt(
        host,
        ['egress', one.first.index, 'network'],
        [dockerNetwork({ name: one.network.name, definition: definitionOf(one, context), reads })],
      ),
    ),
    containers: containers.flatMap((one) => declaredAt(host, one.path, [made(one)])),
  };
}

/** Each container leaves by its public address, and each of its TCP ports answers there from outside. */
function proofs(vars: HostVariables, { host }: RoleContext): CheckSpec[] {
  const publicOf = new Map(Object.values(vars.eips ?? {}).map((eip) => [eip.private, eip.public]));
  return containersOf(entriesOf(vars)).flatMap(({ entry, container, path }, index) => {
    const expect = publicOf.get(wayOf(entry, vars).address);
    if (expect === undefined) return [];
    const { name, publish } = container;
    const inward = publish.map(publishedParts).filter(({ protocol }) => protocol === 'tcp');
    // A program in a new container needs a moment.
    const asked = {
      when: index < ASKED_ALWAYS ? 'always' : 'change',
      retries: 5,
      place: placeOf(host, path),
    } as const;
    return [
      egress({ from: `${host.name}/${name}`, expect, ...asked }),
      ...inward.map(({ outer }) =>
        reach({
          name: `${name} answers at ${expect}:${outer}`,
          from: 'probes',
          to: `${expect}:${outer}`,
          expect: 'open',
          optional: true,
          ...asked,
        }),
      ),
    ];
  });
}

export interface DockerEgress {
  readonly resources: readonly Resource[];
  readonly checks: readonly CheckSpec[];
}

/**
 * Scheme docker: Docker with its networks and containers. Nothing where no entry has it. The role that calls it has
 * switched forwarding on before, by file: a dockerd that has to do that itself also closes the chain FORWARD.
 */
export function dockerEgress(vars: HostVariables, context: RoleContext): DockerEgress {
  const [first] = entriesOf(vars);
  if (!first) return { resources: [], checks: [] };
  const { images, networks, containers } = things(vars, context);
  const docker = [
    onlyWhere(NO_DOCKER, packageInstalled({ name: 'docker.io' })),
    // Docker is asked by its socket: docker.io of Debian 13 comes without the docker command.
    packageInstalled({ name: 'curl' }),
    ...images,
    service({ name: 'docker', running: true, enabled: true }),
  ];
  return {
    resources: [...declaredAt(context.host, ['egress', first.index], docker), ...networks, ...containers],
    checks: proofs(vars, context),
  };
}

const OURS = `&filters=${encodeURIComponent(JSON.stringify({ label: [OUR_LABEL] }))}`;
/** Nobody's container but ours would go down with Docker. */
const NOBODY_ELSE = `
running() { curl -s -g -m 30 --unix-socket /run/docker.sock "http://docker/containers/json?all=0$1" | grep -o '"Id":"[0-9a-f]*"' | grep -c .; }
! systemctl -q is-active docker.service 2>/dev/null || [ "$(running '')" = "$(running '${OURS}')" ]`;

/**
 * All of that as it was before, the newest first; images stay, as packages do, and so does Docker where somebody else
 * runs containers by now.
 */
export function dockerEgressTakenAway(vars: HostVariables, context: RoleContext): Resource[] {
  if (entriesOf(vars).length === 0) return [];
  const { networks, containers } = things(vars, context);
  return [
    ...containers.toReversed(),
    ...networks.toReversed(),
    onlyWhere(NOBODY_ELSE, service({ name: 'docker', running: false, enabled: false })),
  ].map((resource) => ({ ...toBaseline(resource), warnings: () => [] }));
}
