import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Road } from './road.ts';

const MITOGEN = '/usr/lib/python3/dist-packages/ansible_mitogen/plugins/strategy';

const CONFIGURATIONS = {
  default: '[defaults]\n',
  fast: '[ssh_connection]\npipelining = True\nssh_args = -C -o ControlMaster=auto -o ControlPersist=60s\n',
  mitogen: '[defaults]\nstrategy = mitogen_linear\n[ssh_connection]\npipelining = True\n',
} as const;

export interface AnsibleVariant {
  readonly name: string;
  readonly playbook: 'gateway.yml' | 'gateway-lean.yml';
  readonly configuration: keyof typeof CONFIGURATIONS;
}

const VARIANTS: readonly AnsibleVariant[] = [
  { name: 'Ansible, idiomatic, default', playbook: 'gateway.yml', configuration: 'default' },
  { name: 'Ansible, lean, pipelining, forks', playbook: 'gateway-lean.yml', configuration: 'fast' },
  { name: 'Ansible, lean, mitogen', playbook: 'gateway-lean.yml', configuration: 'mitogen' },
];

/** The variants that can run on this machine. */
export const ansibleVariants = (): AnsibleVariant[] =>
  VARIANTS.filter(
    ({ configuration }) =>
      existsSync('/usr/bin/ansible-playbook') && (configuration !== 'mitogen' || existsSync(MITOGEN)),
  );

/** Writes what Ansible needs to run the job on these hosts by this road; the command and its environment. */
export function ansibleCommand(
  { playbook, configuration }: AnsibleVariant,
  { roundTripMs, portOf, keyFile, knownHosts }: Road,
  names: readonly string[],
  directory: string,
): { readonly argv: readonly string[]; readonly env: NodeJS.ProcessEnv } {
  mkdirSync(directory, { recursive: true });
  const inventory = path.join(directory, `ansible-${roundTripMs}-${names.length}.ini`);
  const hosts = names.map((name) => `${name} ansible_host=127.0.0.1 ansible_port=${portOf.get(name) ?? ''}`);
  const options = `-F none -o IdentitiesOnly=yes -o UserKnownHostsFile=${knownHosts}`;
  const vars = [
    'ansible_user=root',
    `ansible_ssh_private_key_file=${keyFile}`,
    `ansible_ssh_common_args=${options}`,
  ];
  writeFileSync(inventory, ['[gateways]', ...hosts, '[gateways:vars]', ...vars, ''].join('\n'));
  const config = path.join(directory, `ansible-${configuration}.cfg`);
  writeFileSync(config, CONFIGURATIONS[configuration]);
  return {
    argv: ['ansible-playbook', '-i', inventory, path.resolve('bench/job/ansible', playbook)],
    env: {
      ANSIBLE_CONFIG: config,
      ...(configuration === 'default' ? {} : { ANSIBLE_FORKS: String(Math.max(5, names.length)) }),
      ...(configuration === 'mitogen' ? { ANSIBLE_STRATEGY_PLUGINS: MITOGEN } : {}),
    },
  };
}

/** The sum of `changed=` in a recap, which Ansible and provision write alike. */
export const changedIn = (stdout: string): number =>
  [...stdout.matchAll(/ changed=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
