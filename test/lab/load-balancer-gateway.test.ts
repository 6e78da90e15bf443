import { gatewayAndBalancerCases } from './load-balancer-gateway-cases.ts';

gatewayAndBalancerCases('firewalld');
