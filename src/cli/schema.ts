import { ProvisionError } from '../model/error.ts';
import { inventoryJsonSchema } from '../inventory/json-schema.ts';
import { reportSchema } from '../reporters/report-schema.ts';

/** Prints the JSON Schema of an inventory or a report. Throws `usage`. */
export function printSchema(what: string): number {
  const schema = what === 'inventory' ? inventoryJsonSchema() : what === 'report' ? reportSchema : null;
  if (schema === null) {
    throw new ProvisionError('usage', `There is no schema "${what}".`, {
      hint: 'Type: provision schema inventory, or: provision schema report.',
    });
  }
  process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
  return 0;
}
