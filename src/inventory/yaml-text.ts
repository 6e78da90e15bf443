import { stringify } from 'yaml';

/** Plain data as YAML that reads back as the same data. */
export const yamlText = (data: unknown): string =>
  stringify(data, { lineWidth: 100, aliasDuplicateObjects: false });
