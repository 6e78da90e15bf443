export { secondaryAddresses } from './address.ts';
export { command } from './command.ts';
export { defineResource } from './define.ts';
export { file } from './file.ts';
export { firewalldPolicy, firewalldZone } from './firewalld.ts';
export { packageInstalled } from './package.ts';
export { service } from './service.ts';
export { sysctl, sysctlFile } from './sysctl.ts';
