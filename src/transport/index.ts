export { localTransport } from './local.ts';
export { opensshTransport } from './openssh.ts';
export { retrying } from './retry.ts';
export { recordedTransport } from './recorded.ts';
export type { Answer, RecordedCall, RecordedTransport } from './recorded.ts';
export { sshTransport } from './ssh.ts';
export type { SshOptions } from './ssh.ts';
export type { HostKeyChecking } from './host-key.ts';
export { PASSPHRASE_VARIABLE } from './keys.ts';
