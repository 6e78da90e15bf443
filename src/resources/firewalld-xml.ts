import { XMLParser } from 'fast-xml-parser';
import type { Fields } from '../model/resource.ts';

type Attributes = Readonly<Record<string, unknown>>;
type Element = Readonly<Record<string, unknown>>;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  parseTagValue: false,
  isArray: (_name, _path, _leaf, isAttribute) => !isAttribute,
});

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** Elements of that name below an element; an empty one (`<masquerade/>`) counts with no attributes. */
const all = (element: Element, name: string): Attributes[] => {
  const found = element[name];
  if (!Array.isArray(found)) return [];
  return found.map((item: unknown) =>
    typeof item === 'object' && item !== null ? (item as Attributes) : {},
  );
};

const sorted = (items: readonly string[]): string[] => [...new Set(items)].toSorted();

const attribute = (name: string, value: unknown): string =>
  text(value) === '' ? '' : ` ${name}="${text(value)}"`;

const limit = (element: Element): string => {
  const value = text(all(element, 'limit')[0]?.['value']);
  return value === ''
    ? ''
    : ` limit value="${value.replace(/\/(second|minute|hour|day)$/, (unit) => unit.slice(0, 2))}"`;
};

const inverted = (element: Attributes): string =>
  /^(yes|true)$/i.test(text(element['invert'])) ? ' NOT' : '';

/** One word of a rich rule per XML element, in the order in which firewalld prints them. */
const RULE_PARTS: readonly (readonly [string, (element: Element) => string])[] = [
  [
    'source',
    (e) =>
      `source${inverted(e)}${attribute('address', e['address'])}${attribute('mac', e['mac'])}${attribute('ipset', e['ipset'])}`,
  ],
  [
    'destination',
    (e) => `destination${inverted(e)}${attribute('address', e['address'])}${attribute('ipset', e['ipset'])}`,
  ],
  ['service', (e) => `service${attribute('name', e['name'])}`],
  ['port', (e) => `port${attribute('port', e['port'])}${attribute('protocol', e['protocol'])}`],
  ['protocol', (e) => `protocol${attribute('value', e['value'])}`],
  ['masquerade', () => 'masquerade'],
  ['icmp-block', (e) => `icmp-block${attribute('name', e['name'])}`],
  ['icmp-type', (e) => `icmp-type${attribute('name', e['name'])}`],
  ['tcp-mss-clamp', (e) => `tcp-mss-clamp${attribute('value', e['value'])}`],
  [
    'forward-port',
    (e) =>
      `forward-port${attribute('port', e['port'])}${attribute('protocol', e['protocol'])}${attribute('to-port', e['to-port'])}${attribute('to-addr', e['to-addr'])}`,
  ],
  ['source-port', (e) => `source-port${attribute('port', e['port'])}${attribute('protocol', e['protocol'])}`],
  ['log', (e) => `log${attribute('prefix', e['prefix'])}${attribute('level', e['level'])}${limit(e)}`],
  [
    'nflog',
    (e) =>
      `nflog${attribute('group', e['group'])}${attribute('prefix', e['prefix'])}${attribute('queue-size', e['queue-size'])}${limit(e)}`,
  ],
  ['audit', (e) => `audit${limit(e)}`],
  ['accept', (e) => `accept${limit(e)}`],
  ['reject', (e) => `reject${attribute('type', e['type'])}${limit(e)}`],
  ['drop', (e) => `drop${limit(e)}`],
  ['mark', (e) => `mark set=${text(e['set'])}${limit(e)}`],
];

/** A `<rule>` element as firewalld itself prints it (Rich_Rule.__str__ of firewall/core/rich.py). */
function richRule(rule: Element): string {
  const priority = text(rule['priority']);
  const head = `rule${priority === '' || priority === '0' ? '' : ` priority="${priority}"`}${attribute('family', rule['family'])}`;
  return RULE_PARTS.reduce((words, [name, print]) => {
    const element = all(rule, name)[0];
    return element === undefined ? words : `${words} ${print(element)}`;
  }, head);
}

const ports = (element: Element, name: string): string[] =>
  sorted(all(element, name).map((port) => `${text(port['port'])}/${text(port['protocol'])}`));

const names = (element: Element, name: string, key = 'name'): string[] =>
  sorted(all(element, name).map((item) => text(item[key])));

function commonFields(root: Element): Fields {
  return {
    services: names(root, 'service'),
    ports: ports(root, 'port'),
    protocols: names(root, 'protocol', 'value'),
    source_ports: ports(root, 'source-port'),
    icmp_blocks: names(root, 'icmp-block'),
    masquerade: all(root, 'masquerade').length > 0,
    forward_ports: sorted(
      all(root, 'forward-port').map(
        (f) => `${text(f['port'])}/${text(f['protocol'])} to ${text(f['to-addr'])}:${text(f['to-port'])}`,
      ),
    ),
    rules: sorted(all(root, 'rule').map(richRule)),
  };
}

/** The one root element of that name; throws on anything that is not such a file. */
function rootOf(xml: string, name: string): Element {
  const root = all(parser.parse(xml) as Element, name)[0];
  if (root === undefined) throw new SyntaxError(`no <${name}> element`);
  return root;
}

/** What is declared for many hosts, and stands on them, is mostly the same text: it is parsed once. */
function parsedOnce(parse: (xml: string) => Fields): (xml: string) => Fields {
  const known = new Map<string, Fields>();
  return (xml) => {
    const fields = known.get(xml) ?? parse(xml);
    known.set(xml, fields);
    return fields;
  };
}

/** Settings of a zone file, as fields (firewalld.zone(5)). Names and descriptions are not settings. */
export const zoneFromXml = parsedOnce((xml) => {
  const root = rootOf(xml, 'zone');
  const sources = all(root, 'source').map(
    (s) => text(s['address']) || text(s['mac']) || `ipset:${text(s['ipset'])}`,
  );
  return {
    target: text(root['target']) || 'default',
    ...commonFields(root),
    forward: all(root, 'forward').length > 0,
    icmp_block_inversion: all(root, 'icmp-block-inversion').length > 0,
    interfaces: names(root, 'interface'),
    sources: sorted(sources),
  };
});

/** Settings of a policy file, as fields (firewalld.policy(5)). */
export const policyFromXml = parsedOnce((xml) => {
  const root = rootOf(xml, 'policy');
  return {
    target: text(root['target']) || 'CONTINUE',
    priority: Number(text(root['priority']) || '-1'),
    ...commonFields(root),
    ingress_zones: names(root, 'ingress-zone'),
    egress_zones: names(root, 'egress-zone'),
  };
});
