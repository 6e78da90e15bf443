import { adoptionCases, handMadeBalancer, handMadeBridges } from './adoption-cases.ts';
import { labSupport } from './support.ts';

/** As many as a run takes anyway; thousands are asked in test/full/adopt.test.ts. */
const CONNECTIONS = 300;

labSupport('a balancer by hand (seed 004) is taken over', () =>
  adoptionCases(handMadeBalancer('iptables-nft'), CONNECTIONS),
);

labSupport('an app host with bridges by hand (seed 003) is taken over', () =>
  adoptionCases(handMadeBridges, CONNECTIONS),
);
