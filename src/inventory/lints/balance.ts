import { countTurns, MOST_TURNS, MOST_TURNS_BY_IPTABLES } from '../../model/turns.ts';
import type { HostVariables, Listener } from '../../roles/variables/index.ts';
import { portRanges, rangesMeet } from '../../roles/variables/ports.ts';
import type { PortText } from '../../roles/variables/ports.ts';
import type { Path } from '../document.ts';
import type { Lint, LintInput } from './lint.ts';

/** A checker asks so many backends in time (bash, 7 % of a processor at an interval of 2 s). */
const MOST_CHECKED = 100;
/** Elements of the map that spreads a port. */
const MOST_SPREAD = 1000;
/** xt_recent's ip_list_tot: what it remembers of a backend's clients before it forgets the oldest. */
const CLIENTS_BY_IPTABLES = 100;

const isSingle = (port: PortText | readonly PortText[]): boolean => {
  const [first, ...more] = portRanges(port);
  return more.length === 0 && first?.from === first?.to;
};

/** Backends of several ports: each has a port of its own, or each takes the port that the client used. */
function mixedPorts({ name, port, backends = [] }: Listener, path: Path): Lint[] {
  if (port === undefined || isSingle(port)) return [];
  const at = backends.findIndex(
    (backend) => (backend.port === undefined) !== (backends[0]?.port === undefined),
  );
  return at < 0
    ? []
    : [
        {
          path: [...path, 'backends', at],
          message: `some backends of ${name} have a port, and some take the one that the client used`,
          hint: 'Write port: for all of its backends, or for none.',
        },
      ];
}

/** Weights that would take more rules or elements than are good. */
function tooManyTurns({ name, algorithm, backends = [] }: Listener, engine: string, path: Path): Lint[] {
  const count = countTurns(backends.map(({ weight }) => weight));
  const inTurn = algorithm === 'round-robin' || algorithm === 'weighted';
  const most = engine === 'iptables' && inTurn ? MOST_TURNS_BY_IPTABLES : MOST_TURNS;
  if (count <= most || (engine === 'iptables' && !inTurn)) return [];
  return [
    {
      path: [...path, 'backends'],
      message: `the weights of ${name} take ${count} turns, and ${most} are what ${engine === 'iptables' ? 'iptables passes in good time' : 'a map should hold'}`,
      hint:
        engine === 'iptables'
          ? 'Write smaller weights, algorithm: random, or load_balancer: { engine: nftables }.'
          : 'Write smaller weights, as 1 and 3 for 100 and 300.',
    },
  ];
}

function byIptables({ name, algorithm, affinity }: Listener, path: Path): Lint[] {
  const hint = 'Write load_balancer: { engine: nftables }, or auto.';
  if (algorithm === 'source-hash')
    return [{ path: [...path, 'algorithm'], message: 'iptables has no hash of the source', hint }];
  return affinity
    ? [
        {
          path: [...path, 'affinity'],
          severity: 'warning',
          message: `iptables remembers ${CLIENTS_BY_IPTABLES} clients of each backend of ${name}: with more, the oldest move`,
          hint,
        },
      ]
    : [];
}

function tooManyChecked(listeners: readonly Listener[]): Lint[] {
  let sum = 0;
  const at = listeners.findIndex(({ health, backends = [] }) => {
    sum += health ? backends.length : 0;
    return sum > MOST_CHECKED;
  });
  return at < 0
    ? []
    : [
        {
          path: ['listeners', at, 'health'],
          message: `more than ${MOST_CHECKED} backends of this host are checked: one shell cannot ask more of them in time`,
          hint: 'Take health: out of some listeners, or spread them over several balancers.',
        },
      ];
}

/** A listener or a DNAT entry of the same host: whichever is asked first would get all. */
function alsoInNat({ listeners = [], nat, eips = {} }: HostVariables): Lint[] {
  return listeners.flatMap((entry, index): Lint[] => {
    const { address, port, protocol } = entry;
    const other = (nat?.dnat ?? []).find((dnat) => {
      const eip = eips[dnat.eip];
      if (!eip || address === undefined || port === undefined || dnat.port === undefined) return false;
      const [ports] = portRanges(dnat.port);
      const sameProtocol = [protocol, dnat.protocol].includes('tcp+udp') || protocol === dnat.protocol;
      const sameAddress = [eip.public, eip.private].includes(address);
      return (
        sameAddress && sameProtocol && ports && portRanges(port).some((range) => rangesMeet(range, ports))
      );
    });
    return other
      ? [
          {
            path: ['listeners', index, 'port'],
            message: `the entry ${other.name} of nat.dnat has this port of ${address ?? ''} too`,
            hint: 'Choose another port or address for one of them.',
          },
        ]
      : [];
  });
}

/** The port that provision itself comes in by. */
function takenFromSsh({
  listeners = [],
  eips = {},
  ansible_host: host,
  ansible_port,
}: HostVariables): Lint[] {
  const ssh = Number(ansible_port ?? 22);
  return listeners.flatMap((entry, index): Lint[] => {
    const { address, port, protocol, redirect } = entry;
    const mapped = Object.values(eips).find((eip) => eip.public === address || eip.private === address);
    const here = host !== undefined && [address, mapped?.public, mapped?.private].includes(host);
    const taken = redirect
      ? redirect.port === ssh && redirect.protocol === 'tcp'
      : here &&
        protocol !== 'udp' &&
        port !== undefined &&
        portRanges(port).some(({ from, to }) => from <= ssh && ssh <= to);
    return taken
      ? [
          {
            path: ['listeners', index, redirect ? 'redirect' : 'port'],
            message: `the listener ${entry.name} takes port ${ssh}, by which provision reaches this host`,
            hint: 'Choose another port, or connect by another address.',
          },
        ]
      : [];
  });
}

/** A service of UDP does not take TCP connections on its own port: every backend would be dead. */
function askedByTcp({ protocol, health }: Listener, path: Path): Lint[] {
  return protocol !== 'udp' || !health || health.command !== undefined || health.port !== undefined
    ? []
    : [
        {
          path: [...path, 'health'],
          message: 'a service of UDP cannot be asked by TCP at its own port',
          hint: 'Write health.port: of something there that speaks TCP, or health.command.',
        },
      ];
}

/** What a load balancer cannot be, with the reason: rules that would be too many, two owners of a port. */
export function lintBalance({ vars }: LintInput): Lint[] {
  const { listeners = [], load_balancer: role } = vars;
  const engine = role?.engine ?? 'auto';
  const each = listeners.flatMap((entry, index): Lint[] => {
    const path: Path = ['listeners', index];
    const [to] = entry.redirect ? portRanges(entry.redirect.to) : [];
    const count = to ? to.to - to.from + 1 : 0;
    return [
      ...mixedPorts(entry, path),
      ...askedByTcp(entry, path),
      ...tooManyTurns(entry, engine, path),
      ...(engine === 'iptables' ? byIptables(entry, path) : []),
      ...(count > MOST_SPREAD
        ? [
            {
              path: [...path, 'redirect', 'to'],
              message: `${count} ports are more than the ${MOST_SPREAD} that one is spread over`,
              hint: 'Write a shorter range.',
            },
          ]
        : []),
    ];
  });
  return [...each, ...tooManyChecked(listeners), ...alsoInNat(vars), ...takenFromSsh(vars)];
}
