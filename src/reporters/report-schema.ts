const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const object = (
  required: readonly string[],
  properties: Record<string, unknown>,
  optional: Record<string, unknown> = {},
) => ({
  type: 'object',
  required,
  additionalProperties: false,
  properties: { ...properties, ...optional },
});

const fieldValue = { type: ['string', 'number', 'boolean', 'null', 'array'], items: text };

const error = object(
  ['code', 'message', 'hint'],
  { code: text, message: text, hint: { ...text, description: 'What to do next' } },
  { file: text, line: count, column: count },
);

const change = object(['resource', 'action', 'field', 'layer', 'before', 'after', 'sentence'], {
  resource: { ...text, description: 'kind:name' },
  action: { enum: ['create', 'update', 'delete'] },
  field: text,
  layer: {
    enum: ['live', 'saved'],
    description: 'live = what the kernel or daemon does now; saved = what the next boot loads',
  },
  before: fieldValue,
  after: fieldValue,
  sentence: text,
});

const status = { enum: ['pass', 'fail', 'unproven'] };
const check = object(['name', 'from', 'kind', 'to', 'expected', 'got', 'status', 'baseline'], {
  name: text,
  from: text,
  kind: text,
  to: text,
  expected: text,
  got: text,
  status,
  baseline: { enum: [...status.enum, null], description: 'The same check before the run changed anything' },
});

const host = object(
  ['name', 'status', 'resources', 'changes', 'checks', 'ssh', 'timings'],
  {
    name: text,
    status: {
      enum: [
        'ok',
        'planned',
        'changed',
        'failed',
        'reverted',
        'pending',
        'unknown',
        'unreachable',
        'skipped',
      ],
    },
    resources: { ...count, description: 'How many resources are declared for it' },
    changes: { type: 'array', items: change },
    checks: { type: 'array', items: check },
    ssh: object(['connections', 'execs', 'jumps', 'bytesIn', 'bytesOut'], {
      connections: count,
      execs: count,
      jumps: count,
      bytesIn: count,
      bytesOut: count,
    }),
    timings: {
      type: 'object',
      additionalProperties: { type: 'number' },
      description: 'Milliseconds per phase',
    },
  },
  {
    cause: object(['host'], { host: text }),
    lockouts: {
      type: 'array',
      items: object(['resource', 'sentence'], { resource: text, sentence: text }),
      description: 'Changes that would keep the SSH connection of the run out',
    },
    error,
  },
);

/** JSON Schema (2020-12) of the file that `--report FILE.json` writes; printed by `provision schema report`. */
export const reportSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Report of a provision run',
  ...object(
    ['schemaVersion', 'runId', 'startedAt', 'argv', 'exitCode', 'hosts'],
    {
      schemaVersion: { const: 1 },
      runId: text,
      startedAt: { ...text, description: 'ISO 8601, UTC' },
      argv: { type: 'array', items: text },
      exitCode: count,
      hosts: { type: 'array', items: host },
    },
    { errors: { type: 'array', items: error } },
  ),
};
