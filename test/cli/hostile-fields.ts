import { inventoryJsonSchema } from '../../src/inventory/json-schema.ts';

/** Where a text may stand in a host's variables. `null` = any index of a list, `KEY` = the key of a mapping itself. */
export type FieldPath = readonly (string | null)[];
export const KEY = '<key>';
const NAMED = 'name1';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
}

function* textsIn(schema: Schema, path: FieldPath): Generator<FieldPath> {
  for (const branch of schema.anyOf ?? []) yield* textsIn(branch, path);
  if (schema.type === 'string' || schema.enum?.some((value) => typeof value === 'string')) yield path;
  for (const [key, inner] of Object.entries(schema.properties ?? {})) yield* textsIn(inner, [...path, key]);
  if (schema.items) yield* textsIn(schema.items, [...path, null]);
  const { additionalProperties: named } = schema;
  if (typeof named === 'object' && Object.keys(named).length > 0) {
    yield [...path, KEY];
    yield* textsIn(named, [...path, NAMED]);
  }
}

/** Every place of the published schema that takes a text: a new field is in it by itself. */
export function textFields(): FieldPath[] {
  const { definitions } = inventoryJsonSchema() as { definitions: { variables: { anyOf: Schema[] } } };
  const [variables] = definitions.variables.anyOf;
  const all = [...textsIn(variables ?? {}, [])];
  return [...new Map(all.map((path) => [nameOf(path), path])).values()];
}

/** `nat.dnat[0].name` */
export const nameOf = (path: FieldPath): string =>
  path.reduce<string>(
    (text, step) => (step === null ? `${text}[0]` : text === '' ? step : `${text}.${step}`),
    '',
  );

/** Matches a message that begins with the place of a field, or of something in it. */
export const placeOf = (path: FieldPath): RegExp => {
  const escaped = nameOf(path.filter((step) => step !== KEY && step !== '$secret')).replaceAll(
    /[.[\]]/g,
    '\\$&',
  );
  return new RegExp(`^${escaped.replaceAll(NAMED, '[^.]+')}(?![A-Za-z_])`);
};

type Value = unknown;

/** A copy of `within` with a text at a path; what is missing on the way is made, without its other keys. */
export function withText(within: Value, path: FieldPath, text: string): Value {
  const [step, ...rest] = path;
  if (step === undefined) return text;
  if (step === null) {
    const list = Array.isArray(within) ? (within as Value[]) : [];
    return [withText(list[0], rest, text), ...list.slice(1)];
  }
  const mapping =
    typeof within === 'object' && within !== null && !Array.isArray(within)
      ? (within as Record<string, Value>)
      : {};
  const entries = Object.entries(mapping);
  // Object.fromEntries and not an assignment: `__proto__` is a name like any other here.
  if (step === KEY) return Object.fromEntries([[text, entries[0]?.[1] ?? {}], ...entries.slice(1)]);
  const key = step === NAMED && entries[0] ? entries[0][0] : step;
  return Object.fromEntries([
    ...entries.filter(([name]) => name !== key),
    [key, withText(mapping[key], rest, text)],
  ]);
}

/** Texts that would do something if any shell, terminal, option parser or file format took them at their word. */
export const hostileTexts = (canary: string): Readonly<Record<string, string>> => ({
  'double quote': `"; touch ${canary}; $(touch ${canary})`,
  backticks: `\`touch ${canary}\``,
  'line break': `x\ntouch ${canary}`,
  'carriage return': `x\rtouch ${canary}`,
  'an option': `-oProxyCommand=touch ${canary}`,
  'single quote': `'; touch ${canary}; '`,
  'no blank': `x;touch\${IFS}${canary}`,
  'command substitution': `$(touch ${canary})`,
  'a pipe': `x|touch ${canary}`,
  'terminal control': `\u001B[2Jx\u0007`,
  NUL: `x\u0000; touch ${canary}`,
  'line separator': `x\u2028touch ${canary}`,
  markup: `"/><masquerade/><x a="`,
  template: `{{lookup 'constructor'}}`,
  '300 characters': 'x'.repeat(300),
});

/** Variables of one host that use as much of the schema as a valid inventory can. */
export const GATEWAY = {
  ansible_host: '172.31.0.2',
  ansible_user: 'ops',
  ansible_port: 22,
  ansible_ssh_private_key_file: '~/.ssh/id_ed25519',
  host_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAmC1tL5SMKCXF2Hzr0P5pZ9xFvyZDB4YLIF4zsuYAjS'],
  ansible_connection: 'ssh',
  lab: { image: 'bare' },
  echo_url: ['http://198.51.100.10/ip'],
  networks: { 'vpc-a': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } },
  nics: { eth0: { network: 'vpc-a', address: '172.31.0.2/24', secondary: [], mac: '02:42:ac:11:00:02' } },
  eips: { office: { public: '203.0.113.10', private: '172.31.0.2', peak: '200mbit' } },
  firewall: {
    zones: {
      public: { interfaces: ['eth0'], sources: ['10.9.0.0/16'], services: ['ssh'], ports: ['8443/tcp'] },
    },
  },
  nat: {
    engine: 'firewalld',
    masquerade: ['172.31.0.16/28'],
    dnat: [{ name: 'web', eip: 'office', port: '8080', protocol: 'tcp', to: '172.31.0.21', to_port: '80' }],
  },
  listeners: [
    {
      name: 'pages',
      address: '172.31.0.2',
      port: '8090',
      backends: [{ address: '172.31.0.22', port: 80 }],
      health: { interval: '2s', timeout: '1s' },
    },
  ],
  nat_gateway: { state: 'present' },
};

/** A gateway that is an app host as well: what every field of the schema has around it. */
export const EVERYTHING = {
  ...GATEWAY,
  egress: [
    {
      name: 'apps',
      nic: 'eth0',
      scheme: 'docker',
      network: {
        name: 'apps',
        subnet: '10.90.0.0/24',
        options: { mtu: '1400' },
      },
      containers: [
        {
          name: 'app1',
          image: 'app:1',
          ip: '10.90.0.10',
          environment: { MODE: 'fast' },
          command: ['serve'],
        },
      ],
    },
  ],
};
