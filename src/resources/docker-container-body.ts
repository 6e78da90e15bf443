import { OUR_LABEL, recordOf, textOf, textsOf } from './docker-json.ts';
import { tagged } from './docker-api.ts';
import type { DockerReads } from './docker-api.ts';
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
export interface Endpoint {
  readonly network: string;
  /** It is made with the container; others are made after it. */
  readonly first: boolean;
  readonly body: string;
}

/** What attaches a container to a network. */
export const endpointBody = (container: string, address: string, aliases: readonly string[] = []): string =>
  JSON.stringify({
    Container: container,
    EndpointConfig: {
      ...(address === '' ? {} : { IPAMConfig: { IPv4Address: address } }),
      Aliases: aliases,
    },
  });

/** Its attachment as declared. */
export const declaredEndpoints = ({ name, network, address }: DockerContainerProps): Endpoint[] => [
  { network, first: true, body: endpointBody(name, address) },
];

/** The body that makes the container as declared. */
export function containerBody(props: DockerContainerProps): string {
  const { name, image, network, address, publish, environment, restart, command } = props;
  const inner = ({ to, protocol }: PublishedPort): string => `${to}/${protocol}`;
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const one of publish)
    (bindings[inner(one)] ??= []).push({ HostIp: one.address, HostPort: String(one.port) });
  return JSON.stringify({
    Image: tagged(image),
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

/** The address of an attachment, if it is a fixed one. */
export const fixedAddress = (endpoint: unknown): string =>
  textOf(recordOf(recordOf(endpoint)['IPAMConfig'])['IPv4Address']);

/** Docker gives a container its own short id for a name; another container has another. */
export const withoutId = (names: unknown, id: string): string[] =>
  textsOf(names).filter((name) => name !== id.slice(0, 12));

/** The network that a container is made in. */
export const mainNetwork = ({ NetworkMode }: Json): string =>
  NetworkMode === 'default' ? 'bridge' : textOf(NetworkMode);

/** The body that makes a container once more, whatever it was made with; only what it wrote outside its volumes is lost. */
export function bodyAgain(container: Json, id: string): string {
  const config = recordOf(container['Config']);
  const host = recordOf(container['HostConfig']);
  const mode = mainNetwork(host);
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
