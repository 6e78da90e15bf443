import { loadBalancerCases } from '../lab/load-balancer-cases.ts';

loadBalancerCases('iptables');
