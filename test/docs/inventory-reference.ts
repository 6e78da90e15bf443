import { readFileSync } from 'node:fs';
import { inventoryJsonSchema } from '../../src/inventory/json-schema.ts';

/** The part of JSON Schema that zod writes for our variables. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

const ROLE_OF: readonly (readonly [string, readonly string[], string])[] = [
  [
    'Connection',
    [
      'ansible_host',
      'ansible_user',
      'ansible_port',
      'ansible_ssh_private_key_file',
      'ansible_become',
      'ansible_become_password',
      'ansible_connection',
      'jump',
      'host_keys',
    ],
    'Where and how a host is reached.',
  ],
  [
    'Networks and checks',
    ['networks', 'nics', 'eips', 'echo_url'],
    'Read by roles, checks, lints and the lab. The role `nat-gateway` asserts the primary address of a NIC and adds its secondary ones.',
  ],
  [
    'NAT gateway',
    ['nat_gateway', 'firewall', 'nat', 'bandwidth'],
    'Read by the role `nat-gateway`. It takes `nat.engine: firewalld` only, and refuses `nat.snat`, `protocol: any` and `firewall.filter`: [roles.md](roles.md#limits).',
  ],
  [
    'Multi-NIC egress hosts',
    ['app_host', 'egress'],
    'Read by the role `app-host`: [app-host.md](app-host.md). Besides, it asserts the primary addresses of `nics` and adds the secondary ones.',
  ],
  ['Load balancers', ['load_balancer', 'listeners'], 'Checked, and read by no role of this version.'],
  [
    'Hosts set up by hand',
    ['adopt'],
    'Read by all three roles: [safety.md](safety.md#taking-over-what-was-made-by-hand).',
  ],
  ['Lab', ['lab'], 'How the lab builds this host: [lab.md](lab.md).'],
];

/** Anything in a cell must neither end it nor start markup. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'mapping',
  array: 'list',
};

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(', or ');
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  const range =
    schema.minimum !== undefined && schema.maximum !== undefined
      ? ` ${schema.minimum} to ${schema.maximum}`
      : '';
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  return `${types.map((type) => NOUNS[type] ?? type).join(' or ')}${range}`;
}

/** The mapping inside a list, a table by name, or itself; with what that adds to the path. */
function inner(schema: Schema, path: string): { readonly schema: Schema; readonly path: string } | null {
  if (schema.items) return inner(schema.items, `${path}[]`);
  if (schema.properties) return { schema, path };
  if (typeof schema.additionalProperties === 'object')
    return inner(schema.additionalProperties, `${path}.NAME`);
  return null;
}

function rows(name: string, schema: Schema, required: boolean): string[] {
  const fallback = schema.default === undefined ? '' : code(schema.default);
  const description = schema.description ?? '';
  const own = `| ${code(name)} | ${cell(typeOf(schema))} | ${required ? 'required' : fallback} | ${cell(description)} |`;
  const below = inner(schema, name);
  if (!below) return [own];
  const { properties = {}, required: needed = [] } = below.schema;
  return [
    own,
    ...Object.entries(properties).flatMap(([key, value]) =>
      rows(`${below.path}.${key}`, value, needed.includes(key)),
    ),
  ];
}

function variableSchemas(): Readonly<Record<string, Schema>> {
  const { definitions } = inventoryJsonSchema() as { definitions: { variables: Schema } };
  const withProperties = definitions.variables.anyOf?.find((schema) => schema.properties);
  return withProperties?.properties ?? {};
}

/** docs/inventory.md, whole: the hand-written head, then every variable of the published JSON Schema. */
export function inventoryPage(): string {
  const schemas = variableSchemas();
  const listed = ROLE_OF.flatMap(([, names]) => names);
  const missing = Object.keys(schemas).filter((name) => !listed.includes(name));
  if (missing.length > 0) throw new Error(`inventory-reference.ts has no section for ${missing.join(', ')}`);
  const sections = ROLE_OF.flatMap(([title, names, text]) => [
    `### ${title}`,
    '',
    text,
    '',
    '| Variable | Type | Default | Meaning |',
    '| --- | --- | --- | --- |',
    ...names.flatMap((name) => {
      const schema = schemas[name];
      if (!schema) throw new Error(`inventory-reference.ts names ${name}, which the schema does not have`);
      return rows(name, schema, false);
    }),
    '',
  ]);
  return [
    '<!-- Made of docs/inventory-head.md and the JSON Schema; test/docs/inventory-page.test.ts says how. -->',
    '',
    readFileSync('docs/inventory-head.md', 'utf8').trimEnd(),
    '',
    '## Every variable',
    '',
    '`NAME` stands for a name of your choice, `[]` for each entry of a list. All variables are optional; `required` means',
    'within the mapping above it.',
    '',
    ...sections,
  ].join('\n');
}
