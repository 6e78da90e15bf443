import { healthCases } from '../lab/load-balancer-health-cases.ts';

healthCases('iptables');
