import { isIPv4 } from 'node:net';
import { addressOf, contains } from '../model/ipv4.ts';
import type { Fields } from '../model/resource.ts';
import type { SshConnection } from '../model/ssh-connection.ts';

/** A field that holds a list. */
export const list = (value: unknown): readonly string[] => (Array.isArray(value) ? (value as string[]) : []);

/** Whether an address lies in a block; a MAC address, an ipset or IPv6 is no block here. */
export const inBlock = (block: string, address: string): boolean =>
  isIPv4(addressOf(block)) && isIPv4(address) && contains(block, address);

/** `22/tcp`, `1000-3000/tcp`, or `tcp` alone. */
function coversPort(text: string, { port }: SshConnection): boolean {
  const [range = '', protocol = ''] = text.includes('/') ? text.split('/') : ['0-65535', text];
  const [first = '', last = first] = range.split('-');
  return protocol === 'tcp' && Number(first) <= port && port <= Number(last);
}

/** What `ssh` opens (/usr/lib/firewalld/services/ssh.xml); other services are not looked into. */
const coversService = (name: string, { port }: SshConnection): boolean => name === 'ssh' && port === 22;

type Verdict = 'accept' | 'drop' | 'reject';

interface RichRule {
  readonly text: string;
  readonly priority: number;
  readonly verdict: Verdict;
}

/** Source and destination of a rich rule: does it speak of this connection? `unknown` = by MAC or ipset. */
function coversEnds(text: string, { client, address }: SshConnection): 'yes' | 'no' | 'unknown' {
  const ends = [...text.matchAll(/ (source|destination)( NOT)? (address|mac|ipset)="([^"]*)"/g)];
  if (ends.some(([, , , by]) => by !== 'address')) return 'unknown';
  const all = ends.every(
    ([, end, not, , block = '']) =>
      inBlock(block, end === 'source' ? client : address) === (not === undefined),
  );
  return all ? 'yes' : 'no';
}

function coversElement(text: string, ssh: SshConnection): boolean {
  const value = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1];
  const service = value(/ service name="([^"]*)"/);
  if (service !== undefined) return coversService(service, ssh);
  const port = / port port="([^"]*)" protocol="([^"]*)"/.exec(text);
  if (port) return coversPort(`${port[1] ?? ''}/${port[2] ?? ''}`, ssh);
  const protocol = value(/ protocol value="([^"]*)"/);
  if (protocol !== undefined) return coversPort(protocol, ssh);
  return !/ (masquerade|icmp-block|icmp-type|tcp-mss-clamp|forward-port|source-port)\b/.test(text);
}

/** Rich rules that decide about this connection. In doubt one that lets in counts and one that keeps out does not. */
function decidingRules(rules: readonly string[], ssh: SshConnection): RichRule[] {
  return rules.flatMap((text): RichRule[] => {
    const [, verdict, limit] =
      / (accept|reject|drop)(?: type="[^"]*")?( limit value="[^"]*")?$/.exec(text) ?? [];
    const ends = coversEnds(text, ssh);
    if (verdict === undefined || ends === 'no' || !coversElement(text, ssh)) return [];
    const family = / family="ipv(4|6)"/.exec(text)?.[1];
    if (family !== undefined && (family === '4') !== isIPv4(ssh.client)) return [];
    if (verdict !== 'accept' && (ends === 'unknown' || limit !== undefined)) return [];
    return [
      { text, priority: Number(/ priority="(-?\d+)"/.exec(text)?.[1] ?? 0), verdict: verdict as Verdict },
    ];
  });
}

/** `22/tcp to ADDRESS:PORT` of a zone, or the same as a rich rule, that takes the connection elsewhere. */
function misrouting({ forward_ports: forwards, rules }: Fields, ssh: SshConnection): string | undefined {
  const away = (toAddress = '', toPort = ''): boolean =>
    !['', ssh.address].includes(toAddress) || !['', String(ssh.port)].includes(toPort);
  const plain = list(forwards).find((text) => {
    const [what = '', to = ''] = text.split(' to ');
    const [address, port] = to.split(':');
    return coversPort(what, ssh) && away(address, port);
  });
  if (plain !== undefined) return `forward-port ${plain}`;
  const rich = list(rules).find((text) => {
    const [, port = '', protocol = '', toPort, toAddress] =
      / forward-port port="([^"]*)" protocol="([^"]*)"(?: to-port="([^"]*)")?(?: to-addr="([^"]*)")?/.exec(
        text,
      ) ?? [];
    return (
      coversPort(`${port}/${protocol}`, ssh) && coversEnds(text, ssh) === 'yes' && away(toAddress, toPort)
    );
  });
  return rich === undefined ? undefined : `rich rule \`${rich}\``;
}

export interface Judgement {
  readonly lets: 'in' | 'out' | 'on';
  readonly why: string;
}

/**
 * What a zone or policy does with the connection. Rich rules stand in the order of their priority, and of one priority
 * those that deny before those that allow, services and ports among these (firewalld.richlanguage(5)).
 */
export function judge(fields: Fields, ssh: SshConnection): Judgement {
  const misroutes = misrouting(fields, ssh);
  if (misroutes !== undefined) return { lets: 'out', why: `${misroutes} takes it elsewhere` };
  const opened = [
    ...list(fields['services']).filter((name) => coversService(name, ssh)),
    ...[...list(fields['ports']), ...list(fields['protocols'])].filter((text) => coversPort(text, ssh)),
  ];
  const rules = [
    ...decidingRules(list(fields['rules']), ssh),
    ...opened.map((text): RichRule => ({ text, priority: 0, verdict: 'accept' })),
  ].toSorted(
    (a, b) => a.priority - b.priority || Number(a.verdict === 'accept') - Number(b.verdict === 'accept'),
  );
  const [first] = rules;
  if (first?.verdict === 'accept') return { lets: 'in', why: first.text };
  if (first) return { lets: 'out', why: `rich rule \`${first.text}\` keeps it out` };
  const target = String(fields['target']);
  if (target === 'ACCEPT') return { lets: 'in', why: 'target ACCEPT' };
  if (target === 'CONTINUE') return { lets: 'on', why: 'target CONTINUE' };
  return { lets: 'out', why: `no service, port or rich rule accepts ${ssh.port}/tcp (target ${target})` };
}
