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
import { wayOf } from './egress-ways.ts';
import type { Container, DockerNetwork, EgressEntry, HostVariables } from './variables/index.ts';
import { publishedParts } from './variables/ports.ts';

/** Debian's package, where no other dockerd is there already. */
const NO_DOCKER = '! command -v dockerd >/dev/null';

/** How many containers are asked in every run: each question is a connection of its own. */
const ASKED_ALWAYS = 4;

interface DockerEntry extends EgressEntry {
  readonly network: DockerNetwork;
}

interface Placed {
  readonly entry: DockerEntry;
  readonly container: Container;
}

const entriesOf = ({ egress: all = [] }: HostVariables): DockerEntry[] =>
  all.filter((entry): entry is DockerEntry => entry.scheme === 'docker' && entry.network !== undefined);

const containersOf = (entries: readonly DockerEntry[]): Placed[] =>
  entries.flatMap((entry) => (entry.containers ?? []).map((container) => ({ entry, container })));

/** The first address of a subnet is the host's where nobody says another, as Docker has it. */
export const gatewayOf = ({ subnet, gateway }: DockerNetwork): string =>
  gateway ?? formatAddress(blockRange(subnet).first + 1);

/** Networks of several entries are declared once; `nic` = null where these leave by several NICs. */
function networksOf(
  entries: readonly DockerEntry[],
): { network: DockerNetwork; entry: DockerEntry | null }[] {
  const byName = new Map<string, { network: DockerNetwork; entry: DockerEntry | null }>();
  for (const entry of entries) {
    const before = byName.get(entry.network.name);
    const same = before?.entry?.nic === entry.nic && before.entry.eip === entry.eip;
    byName.set(entry.network.name, { network: entry.network, entry: before && !same ? null : entry });
  }
  return [...byName.values()];
}

/**
 * The network as the Engine's API is asked for it. Docker itself then translates what leaves it to the NIC's address
 * (host_ipv4: moby, libnetwork/drivers/bridge); of a network that several NICs share, it cannot.
 */
function definitionOf(
  { network, entry }: { network: DockerNetwork; entry: DockerEntry | null },
  vars: HostVariables,
  { template }: RoleContext,
): string {
  const { name, subnet, bridge, options } = network;
  return template('docker/network.json', {
    name,
    subnet,
    gateway: gatewayOf(network),
    options: {
      ...(bridge === undefined ? {} : { 'com.docker.network.bridge.name': bridge }),
      ...(entry === null ? {} : { 'com.docker.network.host_ipv4': wayOf(entry, vars).address }),
      ...Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value)])),
    },
  });
}

/** Containers and networks of the host as resources, read together. */
function things(vars: HostVariables, context: RoleContext) {
  const entries = entriesOf(vars);
  const [networks, containers] = [networksOf(entries), containersOf(entries)];
  const reads = {
    networks: networks.map(({ network }) => network.name),
    containers: containers.map(({ container }) => container.name),
    images: [...new Set(containers.map(({ container }) => container.image))],
  };
  return {
    images: reads.images.map((name) => dockerImage({ name, reads })),
    networks: networks.map((one) =>
      dockerNetwork({ name: one.network.name, definition: definitionOf(one, vars, context), reads }),
    ),
    containers: containers.map(({ entry, container }) => {
      const { name, image, ip, publish, environment, restart, command } = container;
      return dockerContainer({
        ...{ name, image, restart, reads },
        network: entry.network.name,
        address: ip,
        publish: publish.map((text) => {
          const { outer, inner, protocol } = publishedParts(text);
          return { address: wayOf(entry, vars).address, port: outer, to: inner, protocol };
        }),
        environment: Object.fromEntries(
          Object.entries(environment).map(([key, value]) => [key, String(value)]),
        ),
        ...(command ? { command } : {}),
      });
    }),
  };
}

/** Each container leaves by its public address, and each of its TCP ports answers there from outside. */
function proofs(vars: HostVariables, { host }: RoleContext): CheckSpec[] {
  const publicOf = new Map(Object.values(vars.eips ?? {}).map((eip) => [eip.private, eip.public]));
  return containersOf(entriesOf(vars)).flatMap(({ entry, container }, index) => {
    const expect = publicOf.get(wayOf(entry, vars).address);
    if (expect === undefined) return [];
    const when = index < ASKED_ALWAYS ? 'always' : 'change';
    const { name, publish } = container;
    const inward = publish.map(publishedParts).filter(({ protocol }) => protocol === 'tcp');
    return [
      // A program in a new container needs a moment.
      egress({ from: `${host.name}/${name}`, expect, when, retries: 5 }),
      ...inward.map(({ outer }) =>
        reach({
          name: `${name} answers at ${expect}:${outer}`,
          from: 'probes',
          to: `${expect}:${outer}`,
          expect: 'open',
          optional: true,
          when,
          retries: 5,
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
  if (entriesOf(vars).length === 0) return { resources: [], checks: [] };
  const { images, networks, containers } = things(vars, context);
  return {
    resources: [
      onlyWhere(NO_DOCKER, packageInstalled({ name: 'docker.io' })),
      // Docker is asked by its socket: docker.io of Debian 13 comes without the docker command.
      packageInstalled({ name: 'curl' }),
      ...images,
      service({ name: 'docker', running: true, enabled: true }),
      ...networks,
      ...containers,
    ],
    checks: proofs(vars, context),
  };
}

/** Nobody's container but ours would go down with Docker. */
const NOBODY_ELSE = `! systemctl -q is-active docker.service 2>/dev/null || [ "$(running)" = "$(running '&filters=${encodeURIComponent(JSON.stringify({ label: [OUR_LABEL] }))}')" ]`;
const RUNNING = `running() { curl -s -g -m 30 --unix-socket /run/docker.sock "http://docker/containers/json?all=0$1" | grep -o '"Id":"[0-9a-f]*"' | grep -c .; }`;

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
    onlyWhere(`{ ${RUNNING}; ${NOBODY_ELSE}; }`, service({ name: 'docker', running: false, enabled: false })),
  ].map((resource) => ({ ...toBaseline(resource), warnings: () => [] }));
}
