export { adoptedLines } from './adopted-lines.ts';
export { secondaryAddresses } from './address.ts';
export { bridges, BRIDGES_SCRIPT } from './bridges.ts';
export type { Bridge } from './bridges.ts';
export { applyBalance, balance } from './balance.ts';
export { command } from './command.ts';
export { defineResource } from './define.ts';
export { dockerContainer } from './docker-container.ts';
export type { DockerContainerProps, PublishedPort } from './docker-container-body.ts';
export { dockerForward } from './docker-forward.ts';
export { dockerImage } from './docker-image.ts';
export { OUR_LABEL } from './docker-json.ts';
export { dockerNetwork } from './docker-network.ts';
export type { DockerNetworkProps } from './docker-network.ts';
export { file } from './file.ts';
export { firewalldPolicy, firewalldZone } from './firewalld.ts';
export { blanketZones } from './firewalld-blanket.ts';
export { forwardingNics } from './firewalld-nics.ts';
export { onlyWhere } from './only-where.ts';
export { packageInstalled } from './package.ts';
export { policyRouting } from './policy-routing.ts';
export { FIRST_OF_OURS } from './routing-plan.ts';
export type { PolicyRoutingProps, RoutedNic } from './routing-plan.ts';
export { rules } from './rules.ts';
export type { RulesProps } from './rules.ts';
export { reloadUnits } from './reload-units.ts';
export { service } from './service.ts';
export { shaping, SHAPING_SCRIPT, SHAPING_UNIT } from './shaping.ts';
export { sysctl, sysctlFile } from './sysctl.ts';
export {
  burstOf,
  DEVICES,
  DIRECTIONS,
  EXEMPT_PRIORITY,
  QUANTUM,
  rateWord,
  REDIRECT_PRIORITY,
} from './shaping-plan.ts';
export type { Direction, ShapeClass, ShapedNic, ShapingPlan } from './shaping-plan.ts';
export { staticRoutes } from './static-routes.ts';
export type { StaticRoute } from './static-routes.ts';
export { toBaseline } from './to-baseline.ts';
