import { isIPv4 } from 'node:net';
import type { Diagnosis } from '../model/check.ts';
import { addressOf, blockRange, contains, formatAddress, networkOf } from '../model/ipv4.ts';
import type { PlayContext } from '../model/playbook.ts';
import { sh } from '../shell/quote.ts';
import { ofGateway, ofPackets, undeclared } from './egress-steps.ts';
import type { Behind } from './egress-steps.ts';
import { parsePackets, sendFrom, watchPackets } from './packet-watch.ts';

/** Seconds that packets are watched at most: the host's tries take less, also on a slow machine. */
const WATCHED = 30;
/** Of traceroute(8): nobody listens there. */
const CLOSED_PORT = 33434;

interface NicAt {
  readonly nic: string;
  /** `a.b.c.d/nn` */
  readonly block: string;
}

/** What is read of a host's variables, which were checked when the inventory was read. */
interface View {
  readonly nics?: Readonly<Record<string, { address?: unknown }>>;
  readonly networks?: Readonly<Record<string, { cidr?: string }>>;
  readonly eips?: Readonly<Record<string, { public?: string; private?: string }>>;
  readonly nat?: {
    readonly masquerade?: readonly string[];
    readonly snat?: readonly { source: string }[];
    readonly dnat?: readonly { protocol?: string; to: string }[];
  };
}

const nicsOf = ({ nics = {} }: View): NicAt[] =>
  Object.entries(nics).flatMap(([nic, { address }]) =>
    typeof address === 'string' && address.includes('/') ? [{ nic, block: address }] : [],
  );

/** Every address that an entry of the gateway's `nat` lets out. */
const sourcesOf = ({ nat: { masquerade = [], snat = [], dnat = [] } = {} }: View): string[] => [
  ...masquerade,
  ...snat.map(({ source }) => source),
  // The reverse of a 1:1 mapping.
  ...dnat.flatMap(({ protocol, to }) => (protocol === 'any' ? [to] : [])),
];

/** An address of the block that none of these is; towards its end, where clouds and people put few. */
function freeAddress(block: string, taken: ReadonlySet<string>): string | null {
  const { first, last } = blockRange(block);
  for (let number = last - 2; number > first + 1; number -= 1)
    if (!taken.has(formatAddress(number))) return formatAddress(number);
  return null;
}

/** How a host behind a gateway should get out; null = it stands behind none that we know. */
export function behindOf(
  from: string,
  expected: readonly string[],
  { hosts, groups }: PlayContext,
): Behind | null {
  const viewOf = (name: string): View => (name in hosts ? (hosts[name] as View) : {});
  const names = groups['nat-gateway'] ?? groups['nat_gateway'] ?? [];
  const taken = new Set(
    Object.keys(hosts).flatMap((name) => nicsOf(viewOf(name)).map(({ block }) => addressOf(block))),
  );
  const { networks = {} } = viewOf(from);
  const ways = nicsOf(viewOf(from)).flatMap(({ block }) =>
    names.flatMap((gateway): Behind[] => {
      if (gateway === from) return [];
      const own = viewOf(gateway);
      const address = addressOf(block);
      const inner = nicsOf(own).find((nic) => contains(networkOf(nic.block), address));
      const third = freeAddress(networkOf(block), taken);
      if (!inner || third === null) return [];
      const [network, known] = Object.entries(networks).find(
        ([, { cidr }]) => cidr !== undefined && contains(cidr, address),
      ) ?? [networkOf(block), {}];
      const [name, eip] =
        Object.entries(own.eips ?? {}).find(([, one]) => expected.includes(one.public ?? '')) ?? [];
      return [
        {
          ...{ host: from, address, gateway, third },
          network: { name: network, cidr: known.cidr ?? networkOf(block) },
          ...{ inner: addressOf(inner.block), nic: inner.nic },
          own: eip?.private ?? addressOf(inner.block),
          eip: name === undefined ? null : { name, public: eip?.public ?? '' },
          declared: sourcesOf(own).some((source) => contains(source, address)),
        },
      ];
    }),
  );
  // Of several gateways in the network the one that the expected address belongs to, and that lets the host out.
  const worth = ({ eip, declared }: Behind): number => Number(eip !== null) * 2 + Number(declared);
  return ways.toSorted((a, b) => worth(b) - worth(a))[0] ?? null;
}

const lookScript = (
  { own }: Behind,
  urls: readonly string[],
): string => sh`echo "forwards $(cat /proc/sys/net/ipv4/ip_forward)"
command -v curl >/dev/null || exit 0
for url in ${urls}; do
  if got=$(curl -4 -s -f -m 3 --interface ${own} --noproxy '*' --max-filesize 4096 -- "$url" 2>/dev/null); then
    echo "leaves $(printf '%s' "$got" | head -n 1 | head -c 64)"; exit 0
  fi
done
echo 'leaves none'`;

function looked(output: string): { forwards: boolean | null; leavesBy: string | null | undefined } {
  const [, forwards] = /^forwards ([01])$/m.exec(output) ?? [];
  const [, leaves] = /^leaves (\S+)$/m.exec(output) ?? [];
  const address = leaves !== undefined && isIPv4(leaves) ? leaves : undefined;
  return {
    forwards: forwards === undefined ? null : forwards === '1',
    leavesBy: leaves === 'none' ? null : address,
  };
}

/** The host tries the outside, and the gateway by its own address, at the same time. */
const tryScript = (
  { inner }: Behind,
  urls: readonly string[],
): string => sh`curl -4 -s -m 3 -o /dev/null --noproxy '*' -- ${`http://${inner}/`} >/dev/null 2>&1 &
curl -4 -s -m 5 -o /dev/null --noproxy '*' -- ${urls[0] ?? ''} >/dev/null 2>&1
wait
echo tried`;

/**
 * Why a host has no way out by a gateway: first by the inventory, then by what the gateway says of itself, at last by
 * watching packets on both for some seconds while the host tries. Null = it stands behind no gateway that we know.
 */
export function egressDiagnosis(
  from: string,
  expected: readonly string[],
  urls: readonly string[],
  context: PlayContext,
): Diagnosis | undefined {
  const behind = behindOf(from, expected, context);
  if (behind === null || urls.length === 0) return undefined;
  const { host, address, gateway, inner, third, declared, network } = behind;
  return {
    key: JSON.stringify([gateway, network.name, expected, declared || address]),
    rounds: [
      // Who leaves by another address does leave: that is another matter.
      { questions: [], conclude: (_answers, { got }) => (isIPv4(got) ? null : undeclared(behind)) },
      {
        questions: [{ id: 'gateway', host: gateway, script: lookScript(behind, urls) }],
        conclude: (answers) => ofGateway(behind, looked(answers.get('gateway') ?? '')),
      },
      {
        questions: [
          { id: 'at-gateway', host: gateway, script: watchPackets(WATCHED, [address]), watches: true },
          { id: 'at-host', host, script: watchPackets(WATCHED, [inner, third]), watches: true },
          { id: 'try', host, script: tryScript(behind, urls) },
          { id: 'send', host: gateway, script: sendFrom([inner, third], address, CLOSED_PORT) },
        ],
        conclude: (answers, { got, expected: wanted }) =>
          answers.has('try') && answers.has('at-gateway')
            ? ofPackets(behind, {
                ...{ got, expected: wanted },
                atGateway: parsePackets(answers.get('at-gateway')),
                atHost: parsePackets(answers.get('at-host')),
              })
            : null,
      },
    ],
  };
}
