import { hostOf } from '../../model/check.ts';
import type { CheckResult } from '../../model/check.ts';
import { contains } from '../../model/ipv4.ts';
import type { HostReport, HostStatus, ReportedChange } from '../../model/report.ts';
import type { Change } from '../../model/resource.ts';
import { nodesOf } from '../../model/topology.ts';
import type { Topology, TopologyNode } from '../../model/topology.ts';
import { sentencesByResource } from '../change-sentences.ts';
import { checksOf } from '../checks.ts';
import type { RunRecord } from '../record.ts';
import { relatedNodes } from './related.ts';

/** What a run has to say about one node of the picture. */
export interface NodeMark {
  /** The worst of its checks; null = nobody asked. */
  readonly check: CheckResult['status'] | null;
  /** What happens to it; null = nothing. */
  readonly change: Change['action'] | null;
  /** How its host ended, where the node is a host. */
  readonly status: HostStatus | null;
  readonly checks: readonly CheckResult[];
  readonly sentences: readonly { readonly action: Change['action']; readonly sentence: string }[];
  /** Nodes that a packet of it passes, itself included. */
  readonly related: readonly string[];
}

const WORST = ['fail', 'unproven', 'pass'] as const;

/** `http://198.51.100.10:8081/ip` and `203.0.113.10:8080` → address and port. */
function destinationOf({ to }: CheckResult): { address: string; port: number } {
  const [, scheme = '', rest = ''] = /^(?:(https?):\/\/)?(.*)$/s.exec(to) ?? [];
  const [, address = '', port] = /^([^:/]*)(?::(\d{1,5}))?/.exec(rest) ?? [];
  return { address, port: port === undefined ? (scheme === 'https' ? 443 : 80) : Number(port) };
}

/** Which nodes a check is about: where it is asked, where it leads, and what it must come out of. */
function nodesOfCheck(all: readonly TopologyNode[]) {
  const vantages = indexed(all, ({ vantages: names }) => names);
  const endpoints = indexed(all, ({ endpoints: list }) => list.map(({ address }) => address));
  const publics = indexed(all, ({ publics: list }) => list);
  return (check: CheckResult): TopologyNode[] => {
    const asking = [...new Set([check.from, hostOf(check.from)])].flatMap((name) => vantages.get(name) ?? []);
    const inside = asking.flatMap((node) => node.endpoints.map(({ address }) => address));
    const { address, port } = destinationOf(check);
    const answering = (endpoints.get(address) ?? []).filter((node) =>
      node.endpoints.some(
        (end) =>
          end.address === address && (end.ports === null || (end.ports.from <= port && port <= end.ports.to)),
      ),
    );
    const leaving = check.expected
      .split(' or ')
      .flatMap((expected) => publics.get(expected) ?? [])
      .filter(({ kind, carries }) =>
        kind === 'snat'
          ? inside.some((own) => carries.some((source) => contains(source, own)))
          : kind === 'eip' && check.kind === 'egress',
      );
    return [...new Set([...asking, ...answering, ...leaving])];
  };
}

function indexed(
  nodes: readonly TopologyNode[],
  keysOf: (node: TopologyNode) => readonly string[],
): Map<string, TopologyNode[]> {
  const index = new Map<string, TopologyNode[]>();
  for (const node of nodes) for (const key of keysOf(node)) index.set(key, [...(index.get(key) ?? []), node]);
  return index;
}

const listed = (value: Change['before']): readonly string[] =>
  Array.isArray(value) ? (value as readonly string[]) : value === null ? [] : [String(value)];

/** The words of each item that comes or goes, as rules, rich rules and addresses write them. */
function wordsOf({ resource, before, after }: ReportedChange): ReadonlySet<string>[] {
  const [has, wants] = [listed(before), listed(after)];
  const moving = [
    ...has.filter((item) => !wants.includes(item)),
    ...wants.filter((item) => !has.includes(item)),
  ];
  return moving.map(
    (item) =>
      new Set(
        `${resource} ${item.slice(0, 2000)}`
          .split(/[\s"'=,;:{}[\]]+/)
          .flatMap((word) => [word, word.replace(/\/32$/, '')]),
      ),
  );
}

/** A range of ports may be written as one word or as two. */
const hasWord = (words: ReadonlySet<string>, word: string): boolean =>
  words.has(word) || (/^\d+-\d+$/.test(word) && word.split('-').every((end) => words.has(end)));

const names = (node: TopologyNode, words: ReadonlySet<string>): boolean =>
  node.names.some((wanted) => wanted.every((word) => hasWord(words, word)));

/** A host that only answers checks has nothing to be in sync with. */
export const onlyAsked = ({ status, resources }: HostReport): boolean => status === 'ok' && resources === 0;

/** Every node with what a run says of it; without a run (`null`) only what belongs together. */
export function marksOf(topology: Topology, record: RunRecord | null): Map<string, NodeMark> {
  const all = topology.cards.flatMap(nodesOf);
  const hosts = new Map((record?.report.hosts ?? []).map((host) => [host.name, host]));
  const about = nodesOfCheck(all);
  const checks = new Map<string, CheckResult[]>();
  for (const check of checksOf(record?.report.hosts ?? []))
    for (const { id } of about(check)) checks.set(id, [...(checks.get(id) ?? []), check]);
  const moving = new Map(
    [...hosts].map(([name, { changes }]) => [
      name,
      changes.map((change) => ({ change, items: wordsOf(change) })),
    ]),
  );
  const related = relatedNodes(topology);
  return new Map(
    all.map((node): [string, NodeMark] => {
      const host = node.host === null ? undefined : hosts.get(node.host);
      const whole =
        node.kind === 'member' || node.kind === 'probe' || (node.kind === 'host' && node.vantages.length > 0);
      const own = checks.get(node.id) ?? [];
      const changes = whole
        ? (host?.changes ?? [])
        : (moving.get(node.host ?? '') ?? [])
            .filter(({ items }) => items.some((words) => names(node, words)))
            .map(({ change }) => change);
      const groups = sentencesByResource(changes);
      return [
        node.id,
        {
          check: WORST.find((status) => own.some((check) => check.status === status)) ?? null,
          change: changes.find(({ layer }) => layer === 'live')?.action ?? changes[0]?.action ?? null,
          status: whole && host && !onlyAsked(host) ? host.status : null,
          checks: own,
          sentences: groups.flatMap(({ action, sentences }) =>
            sentences.map((sentence) => ({ action, sentence })),
          ),
          related: related.get(node.id) ?? [node.id],
        },
      ];
    }),
  );
}
