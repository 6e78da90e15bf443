import { adoptionCases, handMadeBalancer, handMadeBridges } from '../lab/adoption-cases.ts';
import { labSupport } from '../lab/support.ts';

const CONNECTIONS = 2000;

labSupport('a balancer by hand (seed 004) is taken over', () =>
  adoptionCases(handMadeBalancer('iptables-nft'), CONNECTIONS),
);

labSupport('a balancer by hand (seed 004), by iptables-legacy, is taken over', () =>
  adoptionCases(handMadeBalancer('iptables-legacy'), CONNECTIONS),
);

labSupport('an app host with bridges by hand (seed 003) is taken over', () =>
  adoptionCases(handMadeBridges, CONNECTIONS),
);
