import { natRulesCases } from './nat-rules-cases.ts';

natRulesCases('nftables');
