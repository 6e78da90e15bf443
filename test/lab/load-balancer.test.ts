import { loadBalancerCases } from './load-balancer-cases.ts';

loadBalancerCases('nftables');
