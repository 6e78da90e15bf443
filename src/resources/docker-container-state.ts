import { sameValue } from '../model/difference.ts';
import type { Fields } from '../model/resource.ts';
import { tagged } from './docker-api.ts';
import type { DockerAnswers } from './docker-api.ts';
import { bodyAgain, endpointBody, fixedAddress, mainNetwork, withoutId } from './docker-container-body.ts';
import type { DockerContainerProps, Endpoint, PublishedPort } from './docker-container-body.ts';
import { isOurs, recordOf, textOf, textsOf } from './docker-json.ts';
import type { Json } from './docker-json.ts';

export interface DockerContainerState {
  readonly live: Fields | null;
  /** Of a container that was read: what nobody declares, and a way back needs. */
  readonly found?: {
    readonly id: string;
    readonly ours: boolean;
    /** Makes it once more; holds its environment. */
    readonly body: string;
    readonly endpoints: readonly Endpoint[];
  };
}

const portText = ({ address, port, to, protocol }: PublishedPort): string =>
  `${address}:${port}->${to}/${protocol}`;

/** What shall be. */
export const containerFields = (props: DockerContainerProps): Fields => ({
  image: props.image,
  command: [...(props.command ?? [])],
  environment: Object.keys(props.environment).toSorted(),
  networks: [props.network],
  address: props.address,
  publish: props.publish.map(portText).toSorted(),
  restart: props.restart,
  state: 'running',
});

const environmentOf = (list: unknown): Map<string, string> =>
  new Map(
    textsOf(list).map((entry) => {
      const [key = ''] = entry.split('=', 1);
      return [key, entry.slice(key.length + 1)];
    }),
  );

const ANOTHER = ' (another value)';

/** Names only; one whose value is not the declared one says so. What the image brings counts as declared. */
function environmentNames(
  actual: Map<string, string>,
  image: Map<string, string> | null,
  declared: Json,
): string[] {
  return [...actual]
    .flatMap(([key, value]): string[] => {
      if (Object.hasOwn(declared, key)) return [declared[key] === value ? key : `${key}${ANOTHER}`];
      if (image === null || image.get(key) === value) return [];
      return [image.has(key) ? `${key}${ANOTHER}` : key];
    })
    .toSorted();
}

function imageName(container: Json, props: DockerContainerProps, image: Json | null): string {
  const [own, reference] = [textOf(container['Image']), textOf(recordOf(container['Config'])['Image'])];
  const same = image ? textOf(image['Id']) === own : tagged(reference) === tagged(props.image);
  return same ? props.image : `${reference} (${own.replace('sha256:', '').slice(0, 12)})`;
}

function commandOf(config: Json, props: DockerContainerProps, image: Json | null): string[] {
  const actual = textsOf(config['Cmd']);
  const wanted = props.command ?? (image ? textsOf(recordOf(image['Config'])['Cmd']) : actual);
  if (sameValue(actual, [...wanted])) return [...(props.command ?? [])];
  return actual.length > 0 ? actual : ['(none)'];
}

function publishedBy(bindings: unknown): string[] {
  return Object.entries(recordOf(bindings))
    .flatMap(([inner, outer]) =>
      (Array.isArray(outer) ? (outer as unknown[]) : []).map((one) => {
        const { HostIp, HostPort } = recordOf(one);
        return `${textOf(HostIp) || '0.0.0.0'}:${textOf(HostPort) || 'any'}->${inner}`;
      }),
    )
    .toSorted();
}

function restartOf(policy: Json): string {
  const count = Number(policy['MaximumRetryCount'] ?? 0);
  return `${textOf(policy['Name']) || 'no'}${count > 0 ? `:${count}` : ''}`;
}

/** `running`, `paused`, `restarting (1)`, `exited (0)`. */
function standing(state: Json): string {
  if (state['Paused'] === true) return 'paused';
  if (state['Running'] === true && state['Restarting'] !== true) return 'running';
  return `${textOf(state['Status']) || 'not running'} (${Number(state['ExitCode'] ?? 0)})`;
}

function addressIn(endpoint: unknown): string {
  const fixed = fixedAddress(endpoint);
  return fixed === '' ? `${textOf(recordOf(endpoint)['IPAddress']) || 'none'} (not fixed)` : fixed;
}

/** What Docker's answers say of a container, in the words of what is declared. */
export function containerState(
  docker: Extract<DockerAnswers, { state: 'running' }>,
  props: DockerContainerProps,
): DockerContainerState {
  const found = docker.containers.get(props.name);
  const container = recordOf(found);
  // Docker takes a name for the beginning of an id, too.
  if (container['Name'] !== `/${props.name}`) return { live: null };
  const [config, host] = [recordOf(container['Config']), recordOf(container['HostConfig'])];
  const known = docker.images.get(props.image);
  const image = known === null || known === undefined ? null : recordOf(known);
  const ends = recordOf(recordOf(container['NetworkSettings'])['Networks']);
  const id = textOf(container['Id']);
  return {
    live: {
      image: imageName(container, props, image),
      command: commandOf(config, props, image),
      environment: environmentNames(
        environmentOf(config['Env']),
        image && environmentOf(recordOf(image['Config'])['Env']),
        props.environment,
      ),
      networks: Object.keys(ends).toSorted(),
      address: addressIn(ends[props.network]),
      publish: publishedBy(host['PortBindings']),
      restart: restartOf(recordOf(host['RestartPolicy'])),
      state: standing(recordOf(container['State'])),
    },
    found: {
      id,
      ours: isOurs(config['Labels']),
      body: bodyAgain(container, id),
      endpoints: Object.entries(ends).map(([network, end]) => ({
        network,
        first: network === mainNetwork(host),
        body: endpointBody(props.name, fixedAddress(end), withoutId(recordOf(end)['Aliases'], id)),
      })),
    },
  };
}
