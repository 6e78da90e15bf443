import { ProvisionError } from '../model/error.ts';
import { contains, overlaps, parseCidr } from '../model/ipv4.ts';
import type { FieldDifference, Resource, Surroundings, Transition } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { listDifference } from './describe.ts';
import {
  DOCKER_API,
  dockerPath,
  DOWN_WARNING,
  isDown,
  onceDockerRuns,
  parseDocker,
  readDocker,
} from './docker-api.ts';
import type { DockerReads } from './docker-api.ts';
import { recordOf, textOf } from './docker-json.ts';
import type { Json } from './docker-json.ts';
import { networkFields, networkState } from './docker-network-state.ts';
import type { Attached, DockerNetworkState } from './docker-network-state.ts';

export interface DockerNetworkProps {
  readonly name: string;
  /** The whole body of `POST /networks/create` of the Engine's API, JSON. */
  readonly definition: string;
  /** What is read together with it; left out = it is read alone. */
  readonly reads?: DockerReads;
}

interface Way {
  readonly from: DockerNetworkState;
  readonly to: DockerNetworkState;
}

const ownReads = ({ name }: DockerNetworkProps): DockerReads => ({
  networks: [name],
  containers: [],
  images: [],
});

function definitionIn({ name, definition }: DockerNetworkProps): Json {
  try {
    const body = recordOf(JSON.parse(definition));
    if (body['Name'] === name) return body;
  } catch {
    // Said below.
  }
  throw new ProvisionError(
    'template',
    `The definition of the Docker network ${name} is no JSON that makes it.`,
    {
      hint: 'It is the body of POST /networks/create: an object with "Name", "Driver", "IPAM" and "Options".',
    },
  );
}

const declaredState = (props: DockerNetworkProps): DockerNetworkState => {
  const wanted = definitionIn(props);
  return { live: networkFields(wanted, wanted) };
};

const subnetsIn = ({ live }: DockerNetworkState): string[] => {
  const subnets = live?.['subnet'];
  return Array.isArray(subnets) ? (subnets as string[]) : [];
};

/** What Docker itself would refuse in the middle of the change. */
function refuseOverlap(name: string, { from, to }: Way): void {
  for (const other of from.beside ?? []) {
    const clash = subnetsIn(to).find(
      (subnet) => parseCidr(other.subnet) && parseCidr(subnet) && overlaps(subnet, other.subnet),
    );
    if (clash === undefined) continue;
    throw new ProvisionError(
      'host-unsupported',
      `the subnet ${clash} of ${name} overlaps that of its Docker network ${other.name} (${other.subnet}).`,
      { hint: `Choose another subnet, or remove that network there: docker network rm ${other.name}` },
    );
  }
}

/** `names_of PATH`: the names a container has in the network, as they stand in JSON; its short id comes by itself. */
const namesOf = (network: string): string => {
  const pattern = network.replaceAll(/[.[\]*^$\\/]/g, '\\$&');
  return `
names_of() {
  if docker_api GET "$1/json" 2>/dev/null; then
    short=$(printf %s "$answer" | grep -o '"Id":"[0-9a-f]*"' | head -n 1 | cut -d '"' -f 4 | cut -c 1-12)
    printf %s "$answer" | sed -n ${sh`${`s/.*"${pattern}":{[^[]*"Aliases":\\[\\([^]]*\\)\\].*/\\1/p`}`} | tr , '\\n' | grep -v "\\"$short\\"" | paste -s -d , -
  fi
}`;
};

/** `put_on CONTAINER NETWORK BODY NAMES`: a container that is not there any more is nobody's loss. */
const PUT_ON = `
put_on() { [ -z "$(docker_id "$1/json")" ] || docker_api POST "$2/connect" "$3\\"Aliases\\":[$4]}}"; }`;

function transition({ from, to }: Way, props: DockerNetworkProps): Transition {
  const { name } = props;
  if (to.live !== null && !to.found) refuseOverlap(name, { from, to });
  // Whoever has an address of his own comes first: Docker could give it to another.
  const attached = [...((from.found ?? to.found)?.attached ?? [])].toSorted(
    (a, b) => Number(a.fixed === null) - Number(b.fixed === null),
  );
  const path = dockerPath('networks', name);
  const inNetwork = (one: Attached): boolean =>
    one.fixed !== null && subnetsIn(to).some((subnet) => contains(subnet, one.fixed ?? ''));
  const off = attached.flatMap((one, index) => [
    `names_${index}=$(names_of ${sh`${dockerPath('containers', one.name)}`})`,
    sh`docker_try POST ${`${path}/disconnect`} ${JSON.stringify({ Container: one.name, Force: true })}`,
  ]);
  const on = attached.map((one, index) => {
    const address = inNetwork(one) ? `"IPAMConfig":{"IPv4Address":"${one.fixed ?? ''}"},` : '';
    const body = `{"Container":${JSON.stringify(one.name)},"EndpointConfig":{${address}`;
    return `put_on ${sh`${dockerPath('containers', one.name)} ${path} ${body}`} "$names_${index}"`;
  });
  // An end that was read is made as it was; the other one is what is declared.
  const create = sh`[ -n "$was" ] || docker_api POST /networks/create ${to.found?.definition ?? props.definition}`;
  const script = [
    DOCKER_API.trim(),
    ...(attached.length > 0 ? [namesOf(name).trim(), PUT_ON.trim()] : []),
    sh`was=$(docker_id ${path})`,
    ...off,
    sh`if [ -n "$was" ] && [ "$was" != ${to.found?.id ?? ''} ]; then docker_api DELETE "/networks/$was"; was=; fi`,
    ...(to.live === null ? [] : [create, ...on]),
  ];
  return { steps: [script.join('\n')], atBoot: [onceDockerRuns([script.join('\n')])] };
}

const inWords = ({ name, address }: Attached): string => (address === '' ? name : `${name} (${address})`);

/** Who is taken off, and what was somebody else's. Containers that the same run removes are not named. */
function destroys(
  { from, to }: Way,
  { name }: DockerNetworkProps,
  { others = [], taken = false }: Surroundings,
): string | null {
  if (from.live === null || !from.found) return null;
  const declared = new Set(
    others
      .filter(({ kind }) => kind === 'docker-container')
      .map(({ props }) => textOf(recordOf(props)['name'])),
  );
  const losers = from.found.attached.filter((one) => to.live !== null || !declared.has(one.name));
  const foreign = from.found.ours || taken ? '' : ', which provision did not make,';
  const what = `Docker network ${name}${foreign} ${to.live === null ? 'is removed' : 'is made anew'}`;
  if (losers.length === 0) return foreign === '' ? null : what;
  const named = losers.map((one) => `${inWords(one)}${declared.has(one.name) ? '' : ', not declared here'}`);
  return `${what}, which detaches ${named.join('; ')}`;
}

const shown = (value: unknown): string => (Array.isArray(value) ? value.join(' ') : String(value));

function describe({ field, before, after }: FieldDifference, { name }: DockerNetworkProps): string {
  const network = `Docker network ${name}`;
  if (before === null) return `${network} is missing: ${field} ${shown(after)}`;
  if (after === null) return `${network} should not exist: ${field} ${shown(before)}`;
  if (field !== 'options') return `${network}: ${field} is ${shown(before)}, should be ${shown(after)}`;
  const { extra, missing } = listDifference(before, after);
  return [
    ...(missing.length > 0 ? [`${network} lacks ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`${network} has ${extra.join(', ')}, which is not declared`] : []),
  ].join('; ');
}

/**
 * A network of Docker, by what Docker says of it. Nothing of it can be changed in place: it is made anew, and whoever was
 * attached is attached again.
 */
export const dockerNetwork: (props: DockerNetworkProps) => Resource = defineResource<
  DockerNetworkProps,
  DockerNetworkState
>({
  kind: 'docker-network',
  name: ({ name }) => name,
  desired: declaredState,
  probe: (props) => readDocker(props.reads ?? ownReads(props)),
  parse: (output, props) => {
    const docker = parseDocker(output, props.reads ?? ownReads(props));
    // What it has is seen once it runs: until then it is taken to be as declared.
    if (docker.state === 'stopped') return declaredState(props);
    return docker.state === 'absent' ? { live: null } : networkState(props.name, docker, definitionIn(props));
  },
  transition,
  details: ['driver', 'gateway', 'bridge', 'internal', 'options'],
  destroys,
  unseen: isDown,
  warnings: (output) => (isDown(output) ? [DOWN_WARNING] : []),
  sentence: describe,
});
