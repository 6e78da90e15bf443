import { change, check, count, error, host, object, remarks, text } from './report-schema.ts';

const flag = { type: 'boolean' };
const names = { type: 'array', items: text };

/** One kind of line: what every line has, and its own keys. */
const line = (type: string, properties: Record<string, unknown>, optional: Record<string, unknown> = {}) =>
  object(
    ['schemaVersion', 'time', 'type', ...Object.keys(properties)],
    {
      schemaVersion: { const: 1 },
      time: { ...text, description: 'ISO 8601, UTC' },
      type: { const: type },
      ...properties,
    },
    optional,
  );

/** JSON Schema (2020-12) of one line of the file that `--report FILE.ndjson` writes; `provision schema events`. */
export const eventSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'An event of a provision run',
  oneOf: [
    line(
      'run-started',
      { runId: text, playbook: text, check: flag, hosts: names, vantages: names },
      { prove: flag },
    ),
    line('warning', { message: text }, { host: text }),
    line('play-started', { play: text, hosts: names, batch: count, batches: count }),
    line('phase-started', {
      host: text,
      phase: { enum: ['compile', 'probe', 'plan', 'apply', 'verify', 'confirm', 'revert', 'report'] },
    }),
    line('host-planned', {
      host: text,
      changes: { type: 'array', items: change },
      lockouts: remarks('Changes that would keep the SSH connection of the run out'),
      cuts: remarks('What works before these changes and not after them'),
    }),
    line('step-done', { host: text, resource: text }),
    line('step-failed', { host: text, resource: text, output: text }),
    line('host-reverting', { host: text, reason: text }),
    line('check-done', { result: check }),
    line('check-explained', { result: check }),
    line('host-failed', { host: text, error }),
    line('host-finished', { host: text, report: host }),
    line('run-finished', { exitCode: count, hosts: { type: 'array', items: host } }),
    line('report', { runId: text, exitCode: count, errors: { type: 'array', items: error } }),
  ],
};
