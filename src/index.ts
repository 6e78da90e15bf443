/** The public API: what `import … from 'provision'` gives to playbooks, inventories, and own roles. */
export { play, playbook } from './playbook/define.ts';
export { appHost } from './roles/app-host.ts';
export { tagged } from './playbook/tagged.ts';
export { loadBalancer } from './roles/load-balancer.ts';
export { natGateway } from './roles/nat-gateway.ts';
export { defineRole } from './roles/define.ts';
export { egress, noEgress, reach, spread } from './checks/index.ts';
export {
  command,
  defineResource,
  dockerContainer,
  dockerImage,
  dockerNetwork,
  file,
  firewalldPolicy,
  firewalldZone,
  packageInstalled,
  policyRouting,
  secondaryAddresses,
  service,
  shaping,
  staticRoutes,
  sysctl,
  toBaseline,
} from './resources/index.ts';
export { quote, sh } from './shell/quote.ts';
export { ProvisionError } from './model/error.ts';
export type { Secret } from './model/secret.ts';
export type { Check, CheckHint, CheckResult, Diagnosis, Question } from './model/check.ts';
export type { Host } from './model/host.ts';
export type {
  CheckSpec,
  Play,
  PlayContext,
  Playbook,
  Role,
  RoleContext,
  RoleResult,
} from './model/playbook.ts';
export type { Config } from './model/config.ts';
export type { Report } from './model/report.ts';
export type { PolicyRoutingProps, RoutedNic } from './resources/index.ts';
export type { ShapeClass, ShapedNic, ShapingPlan, StaticRoute } from './resources/index.ts';
export type {
  Baseline,
  Declared,
  Facts,
  ProbeOutput,
  Resource,
  State,
  Surroundings,
  Transition,
} from './model/resource.ts';
export type { SshConnection } from './model/ssh-connection.ts';
