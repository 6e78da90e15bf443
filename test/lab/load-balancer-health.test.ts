import { healthCases } from './load-balancer-health-cases.ts';

healthCases('nftables');
