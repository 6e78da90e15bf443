import { ProvisionError } from '../model/error.ts';
import { overlaps, parseCidr } from '../model/ipv4.ts';
import type { FieldDifference, Resource, Surroundings, Transition } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { listDifference } from './describe.ts';
import {
  DOCKER_API,
  DOWN_WARNING,
  isDown,
  networkId,
  onceDockerRuns,
  parseDocker,
  readDocker,
} from './docker-api.ts';
import type { DockerReads } from './docker-api.ts';
import { reattach } from './docker-attached.ts';
import { recordOf, textOf } from './docker-json.ts';
import type { Json } from './docker-json.ts';
import { forgotten, networkFields, networkState } from './docker-network-state.ts';
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

function transition({ from, to }: Way, props: DockerNetworkProps): Transition {
  const { name } = props;
  if (to.live !== null && !to.found) refuseOverlap(name, { from, to });
  const { functions, off, on, forget } = reattach(
    name,
    (from.found ?? to.found)?.attached ?? [],
    subnetsIn(to),
  );
  // An end that was read is made as it was; the other one is what is declared.
  const create = [
    sh`if [ -z "$was" ]; then docker_api POST /networks/create ${to.found?.definition ?? props.definition}`,
    ...(on.length > 0 ? [`was=${networkId(name)}`] : []),
    'fi',
  ];
  const script = [
    DOCKER_API.trim(),
    ...functions,
    `was=${networkId(name)}`,
    ...off,
    sh`if [ -n "$was" ] && [ "$was" != ${to.found?.id ?? ''} ]; then docker_api DELETE "/networks/$was"; was=; fi`,
    ...(to.live === null ? [] : [...create, ...on]),
  ];
  return {
    steps: [script.join('\n')],
    settled: forget,
    atBoot: [onceDockerRuns([script.join('\n'), ...forget])],
  };
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
  warnings: (output, { reads }) => {
    if (isDown(output)) return [DOWN_WARNING];
    // Whoever is read alone knows nothing of the others.
    if (!reads) return [];
    const docker = parseDocker(output, reads);
    return docker.state === 'running' ? forgotten(docker, reads) : [];
  },
  sentence: describe,
});
