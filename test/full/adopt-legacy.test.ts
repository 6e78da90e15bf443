import { adoptionCases, handMadeBalancer } from '../lab/adoption-cases.ts';
import { labSupport } from '../lab/support.ts';

labSupport('a balancer by hand (seed 004), by iptables-legacy, is taken over', () =>
  adoptionCases(handMadeBalancer('iptables-legacy')),
);
