import type { PortProtocol, Ports } from './nat-rules.ts';

/** One server of a balanced service. */
export interface BalancedBackend {
  readonly address: string;
  /** Null = the port that the client used. */
  readonly port: number | null;
  /** Its share of new connections; 0 = none. */
  readonly weight: number;
  readonly state: 'active' | 'draining' | 'disabled';
}

/** How a service finds out which of its backends are alive. Times in milliseconds. */
export interface HealthCheck {
  /** A TCP connection is enough, an HTTP status (and a text in the answer), or a shell command that ends 0. */
  readonly ask:
    | { readonly kind: 'tcp' }
    | { readonly kind: 'http'; readonly path: string; readonly status: number; readonly body: string }
    | { readonly kind: 'command'; readonly command: string };
  /** Null = the backend's own. */
  readonly port: number | null;
  /** Null = what the route says. */
  readonly source: string | null;
  readonly interval: number;
  readonly timeout: number;
  /** Between two checks while a change is being confirmed. */
  readonly fast: number;
  readonly rise: number;
  readonly fall: number;
  readonly allDown: 'reject' | 'keep-all';
}

/** A service whose new connections are spread over backends. */
export interface BalancedService {
  readonly name: string;
  /** Short enough for a chain of iptables. */
  readonly id: string;
  /** What packets may carry: the NIC's address, and the EIPs that lead to it (hairpin, local clients). */
  readonly addresses: readonly string[];
  readonly protocols: readonly PortProtocol[];
  readonly ports: readonly Ports[];
  /** In turn, by chance, or by the client's address. */
  readonly by: 'turn' | 'chance' | 'source';
  /** Which backend's turn it is, by its place in `backends`, each as often as its weight says. */
  readonly turns: readonly number[];
  /** Seconds that a client is remembered; null = it is not. */
  readonly affinity: number | null;
  readonly backends: readonly BalancedBackend[];
  readonly health: HealthCheck | null;
  /** A path whose answer begins with a word of each backend's own; null = nobody knows one. */
  readonly identity: string | null;
  readonly back: WayBack;
}

/**
 * How the answers of backends come back. snat: backends see this host, by the address that stands beside the NIC a
 * connection leaves by (elsewhere: by whatever address that NIC has). Else they see the client, but for clients of the
 * `hairpin` networks, where backends would answer them past this host.
 */
export type WayBack =
  | { readonly snat: true; readonly sources: readonly { readonly nic: string; readonly address: string }[] }
  | { readonly snat: false; readonly hairpin: readonly string[] };

/** A port of this host that leads to several others of it. */
export interface PortSpread {
  readonly name: string;
  readonly protocol: PortProtocol;
  readonly port: number;
  readonly to: Ports;
}

/** Everything that a load balancer loads into the kernel, whatever tool loads it. */
export interface BalanceRules {
  readonly services: readonly BalancedService[];
  readonly spreads: readonly PortSpread[];
  /** Public addresses of this host that are on no NIC of it. */
  readonly eips: readonly string[];
}
