import type { FieldDifference } from '../model/resource.ts';
import { describeDifference, LAYER_WORDS, listDifference } from './describe.ts';

/** A rich rule in network words; one that we do not write ourselves stays as firewalld prints it. */
export function ruleInWords(rule: string): string {
  const value = (pattern: RegExp): string | undefined => pattern.exec(rule)?.[1];
  const source = value(/ source address="([^"]*)"/);
  const outside = value(/ destination NOT address="([^"]*)"/);
  const destination = value(/ destination address="([^"]*)"/);
  if (source && outside && / masquerade$/.test(rule))
    return `masquerade for ${source} towards outside ${outside}`;
  if (source && / accept$/.test(rule) && !destination) return `forwarding from ${source}`;
  const forward =
    /forward-port port="([^"]*)" protocol="([^"]*)"(?: to-port="([^"]*)")?(?: to-addr="([^"]*)")?/.exec(rule);
  if (destination && forward) {
    const [, port, protocol, toPort, toAddress] = forward;
    return `DNAT ${destination}:${port}/${protocol} to ${toAddress ?? destination}:${toPort ?? port}`;
  }
  return rule;
}

const ITEM_WORDS: Readonly<Record<string, (item: string) => string>> = {
  rules: ruleInWords,
  services: (item) => `service ${item}`,
  ports: (item) => `port ${item}`,
  interfaces: (item) => `interface ${item}`,
  sources: (item) => `source ${item}`,
  ingress_zones: (item) => `traffic from zone ${item}`,
  egress_zones: (item) => `traffic to zone ${item}`,
};

/** One difference of a zone or policy: "zone public: missing live: masquerade for 10.0.0.0/24 towards outside …". */
export function describeFirewalld(kind: string, name: string, difference: FieldDifference): string {
  const { field, layer, before, after } = difference;
  if (field === 'target' && before === null) return `${kind} ${name} does not exist ${LAYER_WORDS[layer]}`;
  if (field === 'target' && after === null) return `${kind} ${name} should not exist ${LAYER_WORDS[layer]}`;
  const words = ITEM_WORDS[field];
  if (words && (Array.isArray(before) || Array.isArray(after))) {
    const { extra, missing } = listDifference(before, after);
    const parts = [
      ...(missing.length > 0 ? [`missing ${LAYER_WORDS[layer]}: ${missing.map(words).join(', ')}`] : []),
      ...(extra.length > 0
        ? [`not declared but present ${LAYER_WORDS[layer]}: ${extra.map(words).join(', ')}`]
        : []),
    ];
    if (parts.length > 0) return `${kind} ${name}: ${parts.join('; ')}`;
  }
  return describeDifference(`${kind} ${name}:`, difference);
}

/** What a zone or policy lets in, through or out now and will not any more. */
export function cutsOfFirewalld(
  kind: string,
  name: string,
  { field, before, after }: FieldDifference,
): string[] {
  const words = ITEM_WORDS[field];
  if (!words) return [];
  return listDifference(before, after).extra.map((item) => `${words(item)} (${kind} ${name})`);
}
