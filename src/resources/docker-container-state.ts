import { sameValue } from '../model/difference.ts';
import type { Fields } from '../model/resource.ts';
import type { DockerAnswers, DockerReads } from './docker-api.ts';
import { isOurs, OUR_LABEL, recordOf, textOf, textsOf } from './docker-json.ts';
import type { Json } from './docker-json.ts';

/** A port of an address of the host that leads into a container. */
export interface PublishedPort {
  readonly address: string;
  readonly port: number;
  readonly to: number;
  readonly protocol: 'tcp' | 'udp';
}

export interface DockerContainerProps {
  readonly name: string;
  /** Reference, as `eip:latest`. */
  readonly image: string;
  /** The one network it is in, and its fixed address there. */
  readonly network: string;
  readonly address: string;
  readonly publish: readonly PublishedPort[];
  /** Values may be secrets: they are in no sentence, no state and no process's arguments. */
  readonly environment: Readonly<Record<string, string>>;
  readonly restart: string;
  /** Left out = the image's own. */
  readonly command?: readonly string[];
  /** What is read together with it; left out = it is read alone. */
  readonly reads?: DockerReads;
}

/** An attachment to a network: the body that makes it again. */
interface Endpoint {
  readonly network: string;
  readonly body: string;
}

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

const endpointBody = (container: string, address: string, aliases: readonly string[] = []): string =>
  JSON.stringify({
    Container: container,
    EndpointConfig: {
      ...(address === '' ? {} : { IPAMConfig: { IPv4Address: address } }),
      Aliases: aliases,
    },
  });

/** Its attachment as declared. */
export const declaredEndpoints = ({ name, network, address }: DockerContainerProps): Endpoint[] => [
  { network, body: endpointBody(name, address) },
];

/** The body that makes the container as declared. */
export function containerBody(props: DockerContainerProps): string {
  const { name, image, network, address, publish, environment, restart, command } = props;
  const inner = ({ to, protocol }: PublishedPort): string => `${to}/${protocol}`;
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const one of publish)
    (bindings[inner(one)] ??= []).push({ HostIp: one.address, HostPort: String(one.port) });
  return JSON.stringify({
    Image: image,
    ...(command ? { Cmd: command } : {}),
    Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    ExposedPorts: Object.fromEntries(publish.map((one) => [inner(one), {}])),
    Labels: { [OUR_LABEL]: name },
    HostConfig: {
      NetworkMode: network,
      PortBindings: bindings,
      RestartPolicy: restartPolicy(restart),
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address } } } },
  });
}

/** `on-failure:3` as the Engine's API has it. */
export function restartPolicy(restart: string): Json {
  const [Name, count] = restart.split(':');
  return { Name, MaximumRetryCount: Number(count ?? 0) };
}

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
  const same = image ? textOf(image['Id']) === own : reference === props.image;
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

const fixedAddress = (endpoint: unknown): string =>
  textOf(recordOf(recordOf(endpoint)['IPAMConfig'])['IPv4Address']);

function addressIn(endpoint: unknown): string {
  const fixed = fixedAddress(endpoint);
  return fixed === '' ? `${textOf(recordOf(endpoint)['IPAddress']) || 'none'} (not fixed)` : fixed;
}

/** Docker gives a container its own short id for a name; another container has another. */
const withoutId = (names: unknown, id: string): string[] =>
  textsOf(names).filter((name) => name !== id.slice(0, 12));

/** The body that makes a container once more, whatever it was made with; only what it wrote outside its volumes is lost. */
function bodyAgain(container: Json, id: string): string {
  const config = recordOf(container['Config']);
  const host = recordOf(container['HostConfig']);
  const mode = textOf(host['NetworkMode']);
  const endpoint = recordOf(recordOf(container['NetworkSettings'])['Networks'])[mode];
  const aliases = withoutId(recordOf(endpoint)['Aliases'], id);
  const address = fixedAddress(endpoint);
  return JSON.stringify({
    ...config,
    ...(config['Hostname'] === id.slice(0, 12) ? { Hostname: '' } : {}),
    // Its reference may lead to another image by then.
    Image: container['Image'],
    HostConfig: host,
    ...(endpoint === undefined || mode === 'bridge'
      ? {}
      : {
          NetworkingConfig: {
            EndpointsConfig: {
              [mode]: {
                ...(address === '' ? {} : { IPAMConfig: { IPv4Address: address } }),
                Aliases: aliases,
              },
            },
          },
        }),
  });
}

/** What Docker's answers say of a container, in the words of what is declared. */
export function containerState(
  docker: Extract<DockerAnswers, { state: 'running' }>,
  props: DockerContainerProps,
): DockerContainerState {
  const found = docker.containers.get(props.name);
  if (found === null || found === undefined) return { live: null };
  const container = recordOf(found);
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
        body: endpointBody(props.name, fixedAddress(end), withoutId(recordOf(end)['Aliases'], id)),
      })),
    },
  };
}
