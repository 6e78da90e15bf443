import { contains, networkOf } from '../../model/ipv4.ts';
import { portRanges } from '../../roles/variables/ports.ts';
import type { DnatEntry, HostVariables, Nat } from '../../roles/variables/index.ts';
import type { Path } from '../document.ts';
import { collisions, doubleNames, unknownName } from './lint.ts';
import type { Lint, LintInput, Stretch } from './lint.ts';

/** The translation tables of a gateway: EIPs that there are, no entry in another's way, addresses of known networks. */
export function lintNat({ vars, broken }: LintInput): Lint[] {
  const { nat, eips, networks } = vars;
  if (!nat) return [];
  const lints: Lint[] = [];
  const eip = (path: Path, name: string): void => {
    if (!broken.has('eips')) lints.push(...unknownName(path, 'EIP', name, eips, 'eips'));
  };
  nat.masquerade.forEach((source, index) =>
    lints.push(...inKnownNetwork(['nat', 'masquerade', index], source, networks)),
  );
  nat.snat.forEach((entry, index) => {
    if (typeof entry.to === 'string') eip(['nat', 'snat', index, 'to'], entry.to);
    else entry.to.forEach((name, member) => eip(['nat', 'snat', index, 'to', member], name));
    lints.push(...inKnownNetwork(['nat', 'snat', index, 'source'], entry.source, networks));
  });
  nat.dnat.forEach((entry, index) => {
    eip(['nat', 'dnat', index, 'eip'], entry.eip);
    lints.push(...inKnownNetwork(['nat', 'dnat', index, 'to'], entry.to, networks));
  });
  lints.push(
    ...doubleNames(
      ['nat', 'dnat'],
      'name',
      nat.dnat.map(({ name }) => name),
    ),
  );
  return [
    ...lints,
    ...doubleSources(nat.snat),
    ...dnatCollisions(nat.dnat),
    ...takenFromSsh(vars),
    ...sharedWithAny(nat),
  ];
}

function inKnownNetwork(path: Path, block: string, networks: HostVariables['networks']): Lint[] {
  if (!networks || Object.values(networks).some(({ cidr }) => contains(cidr, block))) return [];
  return [
    {
      path,
      severity: 'warning',
      message: `${block} is in no known network`,
      hint: 'Declare its network, or mend the address',
    },
  ];
}

function doubleSources(entries: readonly { source: string }[]): Lint[] {
  const first = new Map<string, number>();
  return entries.flatMap(({ source }, index): Lint[] => {
    // 10.0.0.5, 10.0.0.5/32, and 10.0.0.5/24 for 10.0.0.0/24.
    const before = first.get(networkOf(source));
    if (before === undefined) {
      first.set(networkOf(source), index);
      return [];
    }
    const message = `${source} already has entry ${before + 1} of nat.snat`;
    return [
      {
        path: ['nat', 'snat', index, 'source'],
        message,
        hint: 'Write one entry; several EIPs go into its to: [a, b].',
      },
    ];
  });
}

// An `any` entry gives way to entries of single ports (they are matched first), so it only meets other `any` entries.
function dnatCollisions(entries: readonly DnatEntry[]): Lint[] {
  const stretches = entries.flatMap((entry, index): Stretch[] => {
    if (entry.protocol === 'any') return [{ lane: `${entry.eip} any`, from: 1, to: 65535, index }];
    const protocols = entry.protocol === 'tcp+udp' ? ['tcp', 'udp'] : [entry.protocol];
    const ranges = entry.port === undefined ? [] : portRanges(entry.port);
    return protocols.flatMap((protocol) =>
      ranges.map((range) => ({ lane: `${entry.eip} ${protocol}`, ...range, index })),
    );
  });
  return collisions(stretches).map(({ earlier, later }) => {
    const [eip = '', protocol = ''] = later.lane.split(' ');
    const where =
      protocol === 'any' ? 'everything' : `${protocol} port ${Math.max(earlier.from, later.from)}`;
    const name = entries[earlier.index]?.name ?? '';
    return {
      path: ['nat', 'dnat', later.index, protocol === 'any' ? 'eip' : 'port'],
      message: `${where} of ${eip} already goes to the entry ${name}`,
      hint: 'Choose another port or EIP for one of them.',
    };
  });
}

/** Whoever connects by an EIP, or by the address it is mapped to, must not have that very port given away. */
function takenFromSsh({ nat, eips, ansible_host: host, ansible_port }: LintInput['vars']): Lint[] {
  const port = Number(ansible_port ?? 22);
  return (nat?.dnat ?? []).flatMap((entry, index): Lint[] => {
    const eip = eips?.[entry.eip];
    if (!eip || host === undefined || ![eip.public, eip.private].includes(host)) return [];
    const holds = (ports: readonly { from: number; to: number }[]): boolean =>
      ports.some(({ from, to }) => from <= port && port <= to);
    const taken =
      entry.protocol === 'any'
        ? !holds(portRanges(entry.except_ports))
        : entry.protocol !== 'udp' && entry.port !== undefined && holds(portRanges(entry.port));
    if (!taken) return [];
    return [
      {
        path: ['nat', 'dnat', index, entry.protocol === 'any' ? 'protocol' : 'port'],
        message: `the entry ${entry.name} takes port ${port} of ${host}, by which provision reaches this host`,
        hint:
          entry.protocol === 'any'
            ? `Write except_ports: [${port}].`
            : 'Choose another port or EIP, or connect by another address.',
      },
    ];
  });
}

/** An EIP that is given away whole, and that other sources leave by as well: answers are told apart, new calls are not. */
function sharedWithAny({ snat, dnat }: Nat): Lint[] {
  const whole = new Map(
    dnat.filter(({ protocol }) => protocol === 'any').map(({ eip, name }) => [eip, name]),
  );
  return snat.flatMap(({ to }, index): Lint[] => {
    const name = (typeof to === 'string' ? [to] : to).find((eip) => whole.has(eip));
    if (name === undefined) return [];
    return [
      {
        path: ['nat', 'snat', index, 'to'],
        severity: 'warning',
        message: `${name} belongs to the entry ${whole.get(name) ?? ''} as a whole: what the outside sends there by itself does not come to these sources`,
        hint: 'Use an EIP of its own for them, unless that is meant',
      },
    ];
  });
}
