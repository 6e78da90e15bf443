import type { FieldDifference } from '../model/resource.ts';
import { LAYER_WORDS, listDifference } from './describe.ts';
import { translated } from './rules-canonical.ts';
import type { Translated } from './rules-canonical.ts';

/** A sentence names this many entries, and counts the others. */
const NAMED = 6;

const where = ({ address, protocol, ports }: Translated): string =>
  ports === '' ? `${address} (all ports)` : `${address}:${ports}/${protocol}`;

/** One element of a set, or one rule, in network words. */
export function itemInWords(field: string, item: string): string {
  const dnat = translated(field, item);
  if (dnat) return `DNAT ${where(dnat)} to ${dnat.target}`;
  const [key = '', value = ''] = item.split(' : ');
  if (field === 'snat_to') return `SNAT ${key} to ${value}`;
  if (field.startsWith('pool_')) return `SNAT ${item} to ${field.replace('_', ' ')}`;
  if (field === 'masqueraded') return `masquerade ${item}`;
  if (field === 'exception') return `no translation ${item.replace(' . ', ' towards ')}`;
  if (field === 'keep') return `kept by the gateway ${item.replace(/^(\S+) \. (\S+) \. (\S+)$/, '$1:$3/$2')}`;
  if (field === 'wan') return `WAN NIC ${item.replaceAll('"', '')}`;
  if (field === 'inside') return `inside ${item}`;
  if (field === 'jumps')
    return item.replace(/^(\S+) (\S+) (\d+) -j (\S+)$/, 'jump to $4 at place $3 of $1 $2');
  const snat = /^-s (\S+) .*-j SNAT --to-source (\S+)/.exec(item);
  if (snat) return `SNAT ${snat[1] ?? ''} to ${snat[2] ?? ''}`;
  const masquerade = /^-s (\S+) -j MASQUERADE/.exec(item);
  if (masquerade && field.endsWith('-OUT')) return `masquerade ${masquerade[1] ?? ''}`;
  return item;
}

/** Sets and chains whose items say what becomes of whose packets; the others are how that is done. */
const TELLING = /^(dnat_.*|snat_to|pool_.*|masqueraded|exception|keep)$|-(DNAT|OUT)$/;

/** Whether an item says what the rules do. */
export const hasWords = (field: string, item: string): boolean =>
  TELLING.test(field) && itemInWords(field, item) !== item;

const named = (words: readonly string[]): string =>
  words.length <= NAMED
    ? words.join(', ')
    : `${words.slice(0, NAMED).join(', ')} and ${words.length - NAMED} more`;

const keyOf = (field: string, item: string): string | null => {
  const dnat = translated(field, item);
  if (dnat) return where(dnat);
  return field === 'snat_to' ? `SNAT ${item.split(' : ')[0] ?? ''}` : null;
};

const target = (field: string, item: string): string =>
  translated(field, item)?.target ?? item.split(' : ')[1] ?? item;

/** Entries that go elsewhere than they should: on both lists under one key. */
function redirected(field: string, extra: readonly string[], missing: readonly string[]) {
  const actual = new Map(extra.map((item) => [keyOf(field, item), item]));
  return missing.flatMap((wants) => {
    const key = keyOf(field, wants);
    const has = key === null ? undefined : actual.get(key);
    return key === null || has === undefined ? [] : [{ key, has, wants }];
  });
}

/** One difference of the loaded rules: "DNAT 203.0.113.10:80/tcp goes to A live, should go to B". */
export function describeRules({ field, layer, before, after }: FieldDifference, file: string): string {
  if (layer === 'saved') {
    if (before === null) return `${file} is missing`;
    return after === null ? `${file} should not exist` : `${file} differs ${LAYER_WORDS.saved}`;
  }
  if (field === 'loaded')
    return `the rules of provision are ${before === true ? 'loaded, and should not be' : 'not loaded'}`;
  const { extra, missing } = listDifference(before, after);
  const telling = TELLING.test(field);
  const what = !telling && (field.startsWith('chain ') || field.includes('PROVISION')) ? `${field}: ` : '';
  if (before === null && what !== '') return `${field} is not loaded`;
  const wrong = redirected(field, extra, missing);
  const words = (items: readonly string[]): string => named(items.map((item) => itemInWords(field, item)));
  const paired = new Set(wrong.flatMap(({ has, wants }) => [has, wants]));
  const [onlyExtra, onlyMissing] = [extra, missing].map((items) => items.filter((item) => !paired.has(item)));
  const parts = [
    ...(wrong.length > 0
      ? [
          named(
            wrong.map(
              ({ key, has, wants }) =>
                `${key} goes to ${target(field, has)} ${LAYER_WORDS.live}, should go to ${target(field, wants)}`,
            ),
          ),
        ]
      : []),
    ...(onlyMissing?.length ? [`missing ${LAYER_WORDS.live}: ${words(onlyMissing)}`] : []),
    ...(onlyExtra?.length ? [`not declared but present ${LAYER_WORDS.live}: ${words(onlyExtra)}`] : []),
  ];
  return `${what}${parts.length > 0 ? parts.join('; ') : `the order differs ${LAYER_WORDS.live}`}`;
}

/** What the loaded rules do for somebody and will not do any more; an entry that only leads elsewhere says where. */
export function cutsOfRules({ field, before, after }: FieldDifference): string[] {
  const { extra, missing } = listDifference(before, after);
  const wrong = redirected(field, extra, missing);
  const moved = new Set(wrong.map(({ has }) => has));
  return [
    ...wrong.map(
      ({ key, has, wants }) => `${key} to ${target(field, has)}, which goes to ${target(field, wants)} then`,
    ),
    ...extra
      .filter((item) => !moved.has(item) && hasWords(field, item))
      .map((item) => itemInWords(field, item)),
  ];
}
