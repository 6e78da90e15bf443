/** The SSH connection of the run as the host itself sees it: what a packet filter must go on letting in. */
export interface SshConnection {
  /** Where it comes from: the controller, or the last jump host. First word of SSH_CONNECTION (ssh(1)). */
  readonly client: string;
  /** Another one for every connection. */
  readonly clientPort: number;
  /** The host's own address that it arrives at, after any translation by a cloud. */
  readonly address: string;
  readonly port: number;
  /** The NIC that holds `address` (`ip -4 -o addr`); null = none that we could see. */
  readonly nic: string | null;
}

/** The NIC of an address in what `ip -4 -o addr` printed, one address per line; null = none. */
export function nicOf(address: string, lines: readonly string[]): string | null {
  const words = lines.map((line) => line.trim().split(/\s+/));
  return (
    words.find(([, , family, block]) => family === 'inet' && block?.split('/')[0] === address)?.[1] ?? null
  );
}

/** SSH_CONNECTION (four words) and the lines of `ip -4 -o addr`; null when the run does not come by SSH. */
export function parseSshConnection(line: string, addresses: readonly string[]): SshConnection | null {
  const [, client, clientPort, address, port] = /^(\S+) (\d+) (\S+) (\d+)$/.exec(line) ?? [];
  if (client === undefined || address === undefined) return null;
  return {
    client,
    clientPort: Number(clientPort),
    address,
    port: Number(port),
    nic: nicOf(address, addresses),
  };
}
