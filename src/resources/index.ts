export { command } from './command.ts';
export { defineResource } from './define.ts';
export { file } from './file.ts';
export { firewalldPolicy, firewalldZone } from './firewalld.ts';
export { onlyWhere } from './only-where.ts';
export { packageInstalled } from './package.ts';
export { rules } from './rules.ts';
export { service } from './service.ts';
export { sysctl, sysctlFile } from './sysctl.ts';
