import { ProvisionError } from '../model/error.ts';
import { inventoryJsonSchema, variablesJsonSchema } from '../inventory/json-schema.ts';
import { eventSchema } from '../reporters/event-schema.ts';
import { reportSchema } from '../reporters/report-schema.ts';

const SCHEMAS: Readonly<Record<string, () => object>> = {
  inventory: inventoryJsonSchema,
  variables: variablesJsonSchema,
  report: () => reportSchema,
  events: () => eventSchema,
};

/** Prints the JSON Schema of an inventory file, a file of variables, a report, or a line of events. Throws `usage`. */
export function printSchema(what: string): number {
  const schema = SCHEMAS[what];
  if (schema === undefined) {
    throw new ProvisionError('usage', `There is no schema "${what}".`, {
      hint: `Type one of: ${Object.keys(SCHEMAS)
        .map((name) => `provision schema ${name}`)
        .join(', ')}.`,
    });
  }
  process.stdout.write(`${JSON.stringify(schema(), null, 2)}\n`);
  return 0;
}
