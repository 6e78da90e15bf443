import type { LabNames } from './names.ts';
import type { LabHost, LabPlan } from './plan.ts';

/** An ssh_config that reaches every host of the lab from where the operator stands. */
export function sshConfigText(plan: LabPlan, names: LabNames): string {
  return [
    `# Lab ${names.id}: ssh -F ${names.sshConfig} HOST`,
    ...plan.hosts.flatMap((host) => [
      '',
      `Host ${host.name}`,
      `  HostName ${host.address}`,
      ...(host.sshPort === 22 ? [] : [`  Port ${host.sshPort}`]),
      `  User ${host.user}`,
    ]),
    '',
    'Host *',
    `  ProxyCommand /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin ip netns exec ${names.controller} nc %h %p`,
    `  UserKnownHostsFile ${names.knownHosts}`,
    '  GlobalKnownHostsFile /dev/null',
    '  StrictHostKeyChecking yes',
    `  IdentityFile ${names.operatorKey}`,
    '  IdentitiesOnly yes',
    '  IdentityAgent none',
    `  User ${plan.hosts[0]?.user ?? 'root'}`,
    '',
  ].join('\n');
}

const knownName = (address: string, port: number): string => (port === 22 ? address : `[${address}]:${port}`);

/** known_hosts lines of one host: every address by which its sshd can be reached. */
export function knownHostsLine(host: LabHost, publicKey: string): string {
  const addresses = host.nics.flatMap((nic) => [
    ...nic.addresses.map((cidr) => cidr.split('/')[0] ?? ''),
    ...nic.eips.map((eip) => eip.public),
  ]);
  const [type = '', key = ''] = publicKey.split(' ');
  return `${addresses.map((address) => knownName(address, host.sshPort)).join(',')} ${type} ${key.trim()}`;
}
