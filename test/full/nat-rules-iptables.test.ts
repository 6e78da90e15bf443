import { natRulesCases } from '../lab/nat-rules-cases.ts';

natRulesCases('iptables');
