export const text = { type: 'string' } as const;
export const count = { type: 'integer', minimum: 0 } as const;
/** An object with these keys and no others. */
export const object = (
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

const place = {
  file: {
    ...text,
    description: 'Where the inventory or the playbook says so; lines and columns count from 1',
  },
  line: count,
  column: count,
};

export const error = object(
  ['code', 'message', 'hint'],
  { code: text, message: text, hint: { ...text, description: 'What to do next' } },
  place,
);

export const change = object(
  ['resource', 'action', 'field', 'layer', 'before', 'after', 'sentence'],
  {
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
  },
  place,
);

/** Sentences about resources. */
export const remarks = (description: string) => ({
  type: 'array',
  items: object(['resource', 'sentence'], { resource: text, sentence: text }),
  description,
});

const status = { enum: ['pass', 'fail', 'unproven'] };
export const check = object(
  ['name', 'from', 'kind', 'to', 'expected', 'got', 'status', 'baseline'],
  {
    name: text,
    from: text,
    kind: text,
    to: text,
    expected: text,
    got: text,
    status,
    baseline: { enum: [...status.enum, null], description: 'The same check before the run changed anything' },
  },
  {
    ...place,
    hint: object(['step', 'sentence'], {
      step: { ...text, description: 'The step that is likely missing, as route-table' },
      sentence: text,
    }),
  },
);

export const host = object(
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
    lockouts: remarks('Changes that would keep the SSH connection of the run out'),
    cuts: remarks('What works before these changes and not after them'),
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
    {
      errors: { type: 'array', items: error },
      shard: {
        ...object(['index', 'of', 'hosts'], {
          index: count,
          of: count,
          hosts: { type: 'array', items: text },
        }),
        description: 'Which part of a run this is; hosts are those of all parts',
      },
      merged: {
        type: 'array',
        items: object(
          ['runId', 'startedAt', 'exitCode'],
          { runId: text, startedAt: text, exitCode: count },
          { shard: count },
        ),
        description: 'The runs that provision report merge has made this of',
      },
    },
  ),
};
