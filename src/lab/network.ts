import { readdirSync } from 'node:fs';
import { attempt, run } from './command.ts';
import {
  fabricRoutes,
  fabricRuleset,
  FABRIC_SYSCTLS,
  nicRoutes,
  nicRules,
  nicSysctl,
} from './fabric-rules.ts';
import type { LabNames } from './names.ts';
import type { LabHost, LabPlan } from './plan.ts';

const NAMESPACES = '/run/netns';

const ip = (namespace: string, lines: readonly string[]) =>
  run(['ip', '-n', namespace, '-batch', '-'], lines.map((line) => `${line}\n`).join(''));
const inNamespace = (namespace: string, argv: readonly string[], input = '') =>
  run(['ip', 'netns', 'exec', namespace, ...argv], input);

/** The cloud without hosts: namespaces of the fabric and of the operator, the link between them, all packet rules. */
export async function makeFabric(plan: LabPlan, names: LabNames): Promise<void> {
  const { controller } = plan;
  await run(['ip', 'netns', 'add', names.fabric]);
  await run(['ip', 'netns', 'add', names.controller]);
  await inNamespace(names.fabric, ['sysctl', '-q', '-w', ...FABRIC_SYSCTLS]);
  await ip(names.fabric, [
    'link set lo up',
    `link add ${names.controllerLink} type veth peer name eth0 netns ${names.controller}`,
    `link set ${names.controllerLink} up`,
    `address add ${controller.fabric}/32 dev ${names.controllerLink}`,
    ...[controller.direct, controller.public].map(
      (address) => `route add ${address}/32 dev ${names.controllerLink} src ${controller.fabric}`,
    ),
    ...fabricRoutes(plan),
    ...plan.hosts.flatMap((host) => host.nics.flatMap((nic) => nicRules(plan, nic, names))),
  ]);
  await inNamespace(names.fabric, ['nft', '-f', '-'], fabricRuleset(plan, names));
  await ip(names.controller, [
    'link set lo up',
    'link set eth0 up',
    `address add ${controller.direct}/32 dev eth0`,
    `address add ${controller.public}/32 dev eth0`,
    `route add ${controller.fabric} dev eth0`,
    // As through a VPN to the private addresses, as any stranger to everything else.
    ...plan.networks.map(
      ({ cidr }) => `route add ${cidr} via ${controller.fabric} dev eth0 src ${controller.direct}`,
    ),
    `route add default via ${controller.fabric} dev eth0 src ${controller.public}`,
  ]);
}

/** A fresh namespace for a host, with its NICs in it and their routes in the fabric. */
export async function plugHost(plan: LabPlan, host: LabHost, names: LabNames): Promise<void> {
  const namespace = names.namespace(host.name);
  await run(['ip', 'netns', 'add', namespace]);
  // A new namespace inherits IPv4 settings of this machine, which may be a router itself.
  await inNamespace(namespace, [
    'sysctl',
    '-q',
    '-w',
    'net.ipv4.ip_forward=0',
    'net.ipv4.conf.all.rp_filter=0',
    'net.ipv4.conf.default.rp_filter=0',
  ]);
  await ip(
    names.fabric,
    host.nics.flatMap((nic) => [
      `link add ${names.link(nic.index)} type veth peer name ${nic.name} address ${nic.mac} netns ${namespace}`,
      ...nicRoutes(plan, nic, names),
    ]),
  );
  await inNamespace(names.fabric, ['sysctl', '-q', '-w', ...host.nics.map((nic) => nicSysctl(nic, names))]);
}

/** Removes a host's links and namespace. The kernel clears a deleted namespace later, when it likes: the links must be gone now. */
export async function unplugHost(host: LabHost, names: LabNames): Promise<void> {
  for (const nic of host.nics)
    await attempt(['ip', '-n', names.fabric, 'link', 'delete', names.link(nic.index)]);
  await attempt(['ip', 'netns', 'delete', names.namespace(host.name)]);
}

/** Every namespace of a lab, by name. */
export function namespacesOf(id: string): string[] {
  try {
    return readdirSync(NAMESPACES).filter((name) => name.startsWith(`${id}-`));
  } catch {
    return [];
  }
}

/** Removes every namespace of a lab, whoever made it. */
export async function removeNamespaces(id: string): Promise<void> {
  for (const name of namespacesOf(id)) await attempt(['ip', 'netns', 'delete', name]);
}
