import type { FieldDifference } from '../model/resource.ts';
import { LAYER_WORDS, listDifference } from './describe.ts';
import { ROUTING_SCRIPT, ROUTING_UNIT, UNIT_FILE } from './routing-unit.ts';

/** "rule 5250: from 172.31.0.14 lookup 5201", "default via 172.31.0.1 dev eth1 in table 5201". */
function itemWords(item: string): string {
  const [, table, route = ''] = /^table (\d+): (.*)$/.exec(item) ?? [];
  if (table !== undefined) return `${route} in table ${table}`;
  return /^\d+: /.test(item) ? `rule ${item}` : item;
}

function difference({ field, layer, before, after }: FieldDifference): string {
  if (field === 'following') return `${ROUTING_UNIT} ${after === true ? 'is not running' : 'should not run'}`;
  if (field === 'enabled') return `${ROUTING_UNIT} ${after === true ? 'is not' : 'is'} enabled at boot`;
  if (field === 'script' || field === 'unit') {
    const path = field === 'script' ? ROUTING_SCRIPT : UNIT_FILE;
    if (before === null) return `${path} is missing`;
    return `${path} ${after === null ? 'should not exist' : `differs ${LAYER_WORDS[layer]}`}`;
  }
  const isFile = field.startsWith('/');
  if (isFile && before === null) return `${field} is missing`;
  if (isFile && after === null) return `${field} should not exist`;
  const where = isFile ? `in ${field}` : LAYER_WORDS[layer];
  const { extra, missing } = listDifference(before, after);
  const named = (items: readonly string[]): string => items.map(itemWords).join(', ');
  return [
    ...(missing.length > 0 ? [`missing ${where}: ${named(missing)}`] : []),
    ...(extra.length > 0 ? [`not declared but present ${where}: ${named(extra)}`] : []),
  ].join('; ');
}

/** What is not as it should be, in a sentence. */
export const describeRouting = (found: FieldDifference): string => `policy routing: ${difference(found)}`;
