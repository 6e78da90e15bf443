import { gatewayAndBalancerCases } from '../lab/load-balancer-gateway-cases.ts';

gatewayAndBalancerCases('iptables');
