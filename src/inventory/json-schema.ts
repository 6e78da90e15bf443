import { z } from 'zod';
import { hostVariables } from '../roles/variables/index.ts';

/**
 * The JSON Schema (draft 7, which editors' YAML plugins know best) of an inventory file. It completes and describes;
 * what it cannot say (address in network, names that exist) loading checks.
 */
export function inventoryJsonSchema(): object {
  const variables = z.toJSONSchema(hostVariables, { target: 'draft-7', io: 'input', reused: 'inline' });
  delete variables.$schema;
  const group = { $ref: '#/definitions/group' };
  const emptyOr = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'provision inventory',
    description: 'Hosts, groups and their variables, in the layout of an Ansible YAML inventory.',
    type: 'object',
    properties: { all: { ...group, description: 'The group that every host is in.' } },
    additionalProperties: group,
    definitions: {
      group: emptyOr({
        title: 'group',
        type: 'object',
        additionalProperties: false,
        properties: {
          vars: { $ref: '#/definitions/variables', description: 'Variables of every host of this group.' },
          hosts: {
            ...emptyOr({ type: 'object', additionalProperties: { $ref: '#/definitions/variables' } }),
            description:
              'The hosts of this group, with ranges such as web[01:10], and the variables of each.',
          },
          children: {
            ...emptyOr({ type: 'object', additionalProperties: group }),
            description: 'Groups inside this group.',
          },
        },
      }),
      variables: emptyOr({ ...variables, title: 'variables' }),
    },
  };
}

/** The same for a file of group_vars or host_vars, which holds variables only. */
export function variablesJsonSchema(): object {
  const { $schema, definitions } = inventoryJsonSchema() as Record<string, unknown>;
  return { $schema, title: 'provision variables', $ref: '#/definitions/variables', definitions };
}
