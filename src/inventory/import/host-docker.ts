import { isObject, listOf, textOf } from './host-json.ts';
import type { Json } from './host-json.ts';

/** A port of the host that Docker leads to a container. */
export interface HostPublished {
  /** Empty or 0.0.0.0 = every address. */
  readonly address: string;
  readonly outer: string;
  readonly inner: string;
  readonly protocol: string;
}

export interface HostContainer {
  readonly name: string;
  readonly image: string;
  /** Network → the address that it was given; empty = Docker chose it. */
  readonly networks: Readonly<Record<string, string>>;
  readonly published: readonly HostPublished[];
  readonly restart: string;
  /** Names of variables that the image does not set so. Their values may be secrets, and are not kept. */
  readonly environment: readonly string[];
  /** Null = what the image says. */
  readonly command: readonly string[] | null;
}

export interface HostDockerNetwork {
  readonly name: string;
  readonly subnet: string;
  /** Empty = not said. */
  readonly gateway: string;
  /** The name of its bridge, and whether somebody chose it. */
  readonly bridge: string;
  readonly named: boolean;
  readonly options: Readonly<Record<string, string>>;
}

const objectOf = (value: unknown): Json => (isObject(value) ? value : {});
const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];

/** Ports by `8080/tcp` (HostConfig.PortBindings of the Engine's API). */
const publishedOf = (bindings: unknown): HostPublished[] =>
  Object.entries(objectOf(bindings)).flatMap(([key, hosts]) => {
    const [inner = '', protocol = ''] = key.split('/');
    return listOf(hosts).map((host) => ({
      ...{ inner, protocol },
      address: textOf(host['HostIp']),
      outer: textOf(host['HostPort']),
    }));
  });

/** A container beside its image: what the image says already is not said again. */
export function containerOf(container: Json, images: readonly Json[]): HostContainer {
  const [config, host] = [objectOf(container['Config']), objectOf(container['HostConfig'])];
  const image = objectOf(images.find(({ Id: id }) => id === container['Image'])?.['Config']);
  const networks = objectOf(objectOf(container['NetworkSettings'])['Networks']);
  const given = (network: unknown): string =>
    textOf(objectOf(objectOf(network)['IPAMConfig'])['IPv4Address']);
  const command = textsOf(config['Cmd']);
  return {
    name: textOf(container['Name']).replace(/^\//, ''),
    image: textOf(config['Image']),
    networks: Object.fromEntries(Object.entries(networks).map(([key, value]) => [key, given(value)])),
    published: publishedOf(host['PortBindings']),
    restart: textOf(objectOf(host['RestartPolicy'])['Name']) || 'no',
    environment: textsOf(config['Env'])
      .filter((entry) => !textsOf(image['Env']).includes(entry))
      .map((entry) => entry.split('=')[0] ?? ''),
    command: JSON.stringify(command) === JSON.stringify(textsOf(image['Cmd'])) ? null : command,
  };
}

const BRIDGE_NAME = 'com.docker.network.bridge.name';

export function dockerNetworkOf(network: Json): HostDockerNetwork[] {
  if (network['Driver'] !== 'bridge') return [];
  const [config] = listOf(objectOf(network['IPAM'])['Config']);
  const options = Object.entries(objectOf(network['Options'])).map(
    ([key, value]) => [key, textOf(value)] as const,
  );
  const chosen = options.find(([key]) => key === BRIDGE_NAME)?.[1] ?? '';
  return [
    {
      name: textOf(network['Name']),
      subnet: textOf(config?.['Subnet']),
      gateway: textOf(config?.['Gateway']),
      bridge: chosen === '' ? `br-${textOf(network['Id']).slice(0, 12)}` : chosen,
      named: chosen !== '',
      options: Object.fromEntries(options.filter(([key]) => key !== BRIDGE_NAME)),
    },
  ];
}
