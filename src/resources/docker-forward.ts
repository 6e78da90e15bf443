import type { FieldDifference, FieldValue, ProbeOutput, Resource } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { listDifference } from './describe.ts';

export interface DockerForwardProps {
  /** Another set beside that of a gateway, by its name in letters; left out = the gateway's. */
  readonly set?: string;
  /** CIDRs that may go out through this host; null = nothing of ours is wanted. */
  readonly sources: readonly string[] | null;
  /** Addresses that DNAT leads to. */
  readonly backends: readonly string[];
}

/** Not PROVISION-…: chains of that name belong to the rules, whose loader takes away what its file does not have. */
export const DOCKER_CHAIN = 'PROVISION_DOCKER';
const chainOf = ({ set }: Pick<DockerForwardProps, 'set'>): string =>
  set === undefined ? DOCKER_CHAIN : `${DOCKER_CHAIN}_${set.toUpperCase()}`;
const USER_CHAIN = 'DOCKER-USER';

interface DockerForwardState {
  readonly live: { readonly jump: boolean; readonly accepted: readonly string[] } | null;
}

const ANSWERS = '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
const NONE_NEEDED: DockerForwardProps = { sources: null, backends: [] };

const withLength = (cidr: string): string => (cidr.includes('/') ? cidr : `${cidr}/32`);
/** iptables-save(8) leaves out what matches everything. */
const from = (cidr: string): string => (cidr.endsWith('/0') ? '' : `-s ${withLength(cidr)} `);

/** What is let through, as iptables-save(8) prints it, sorted. */
const acceptedRules = (sources: readonly string[], backends: readonly string[]): string[] =>
  [
    ...new Set([
      ANSWERS,
      ...backends.map((address) => `-d ${withLength(address)} -m conntrack --ctstate DNAT -j ACCEPT`),
      ...sources.map((cidr) => `${from(cidr)}-j ACCEPT`),
    ]),
  ].toSorted();

/**
 * Loads the rules of standard input (`-A …`) into the chain $1, whole, and leads DOCKER-USER there: just before the RETURN
 * that Docker puts last, so that what people wrote there decides first, as it does without Docker's DROP. Docker makes
 * its chains again some time after firewalld was reloaded: waits for them, 5 seconds at most.
 */
const LET_THROUGH = `
let_through() {
  tries=0
  until iptables -w 10 -C FORWARD -j ${USER_CHAIN} 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || { echo 'Docker did not make its chain ${USER_CHAIN} again' >&2; return 1; }
    sleep 0.1
  done
  has=$(iptables -w 10 -S ${USER_CHAIN} | grep '^-A') || has=
  if printf '%s\\n' "$has" | grep -qxF -e "-A ${USER_CHAIN} -j $1"; then jump=; else
    case $has in
      *'-A ${USER_CHAIN} -j RETURN') jump="-I ${USER_CHAIN} $(printf '%s\\n' "$has" | wc -l) -j $1" ;;
      *) jump="-A ${USER_CHAIN} -j $1" ;;
    esac
  fi
  { printf '*filter\\n:%s - [0:0]\\n' "$1"; cat; printf '%s\\nCOMMIT\\n' "$jump"; } | iptables-restore --noflush -w 10
}`;

const takeAway = (chain: string): string => `command -v iptables >/dev/null || exit 0
while iptables -w 10 -D ${USER_CHAIN} -j ${chain} 2>/dev/null; do :; done
! iptables -w 10 -F ${chain} 2>/dev/null || iptables -w 10 -X ${chain}`;

/** dockerd sets it where it had to switch forwarding on itself, and nothing but a rule of iptables goes past it. */
const drops = ({ stdout }: ProbeOutput): boolean => /^:FORWARD DROP /m.test(stdout);
const hasUserChain = ({ stdout }: ProbeOutput): boolean => stdout.includes(`-A FORWARD -j ${USER_CHAIN}\n`);

function inWords(rule: string): string {
  if (rule === ANSWERS) return 'answers';
  const [, flag, cidr = ''] = /^-([sd]) (\S+) /.exec(rule) ?? [];
  const address = cidr.replace(/\/32$/, '');
  if (flag === 'd' && rule.includes('--ctstate DNAT')) return `DNAT to ${address}`;
  return flag === 's' ? address : rule;
}

function describe({ field, before, after }: FieldDifference, props: DockerForwardProps): string {
  const own = chainOf(props);
  if (field !== 'accepted')
    return after === true
      ? `Docker drops what is forwarded: ${USER_CHAIN} does not lead to ${own} live`
      : `chain ${own} should not exist: Docker drops nothing that it lets through`;
  const { extra, missing } = listDifference(before, after);
  const named = (rules: FieldValue & readonly string[]): string => rules.map(inWords).join(', ');
  return [
    ...(missing.length > 0
      ? [
          `Docker drops what is forwarded: not let through live: ${named(missing)} (a reboot ends that; until then a reload of firewalld by others brings it back)`,
        ]
      : []),
    ...(extra.length > 0 ? [`let past Docker live and not wanted: ${named(extra)}`] : []),
  ].join('; ');
}

const chain = defineResource<DockerForwardProps, DockerForwardState>({
  kind: 'docker-forward',
  name: ({ set }) => (set === undefined ? 'FORWARD' : `FORWARD-${set}`),
  desired: ({ sources, backends }) => ({
    live: sources === null ? null : { jump: true, accepted: acceptedRules(sources, backends) },
  }),
  probe: (props) => [
    {
      inline: `iptables-save -t filter 2>/dev/null | grep -e '^:FORWARD ' -e '^-A FORWARD -j ${USER_CHAIN}$' -e '^-A ${USER_CHAIN} -j ${chainOf(props)}$' -e '^:${chainOf(props)} ' -e '^-A ${chainOf(props)} '`,
    },
  ],
  parse: ({ stdout }, props) => {
    const lines = stdout.split('\n');
    const own = `-A ${chainOf(props)} `;
    const accepted = lines.filter((line) => line.startsWith(own)).map((line) => line.slice(own.length));
    const there = lines.some((line) => line.startsWith(`:${chainOf(props)} `));
    const jump = lines.includes(`-A ${USER_CHAIN} -j ${chainOf(props)}`);
    return { live: there ? { jump, accepted: accepted.toSorted() } : null };
  },
  transition: ({ to }, props) => {
    const own = chainOf(props);
    if (to.live === null) return { steps: [takeAway(own)] };
    const lines = to.live.accepted.map((rule) => `-A ${own} ${rule}\n`).join('');
    return {
      steps: [
        `${LET_THROUGH.trim()}\n${sh`printf %s ${lines} | let_through ${own}`}`,
        ...(to.live.jump ? [] : [`iptables -w 10 -D ${USER_CHAIN} -j ${own}`]),
      ],
    };
  },
  sentence: describe,
});

/**
 * A way past the policy DROP that dockerd gives the chain FORWARD, for what is declared and nothing else: a chain of
 * our own that DOCKER-USER leads to, needed only while the policy is DROP. Nothing is saved: with forwarding in a
 * drop-in of sysctl.d(5) Docker finds it on at the next boot, and sets no DROP.
 */
export function dockerForward(props: DockerForwardProps): Resource {
  const [wanted, nothing] = [
    chain(props),
    chain({ ...NONE_NEEDED, ...(props.set ? { set: props.set } : {}) }),
  ];
  const plan: Resource['plan'] = (output, facts) => {
    if (drops(output) && !hasUserChain(output)) return null;
    return (drops(output) ? wanted : nothing).plan(output, facts);
  };
  return {
    ...wanted,
    plan,
    // A name of ours: before the first run there was nothing to return to.
    planBack: (output, facts) => plan(output, facts),
    baseline: () => null,
    warnings: (output) =>
      props.sources !== null && drops(output) && !hasUserChain(output)
        ? [
            `the chain FORWARD has the policy DROP, and no chain ${USER_CHAIN} that leads past it: start Docker, or type: iptables -P FORWARD ACCEPT`,
          ]
        : [],
  };
}
