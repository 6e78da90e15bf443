/** Steps on the cloud's side that can be left out for a host, to see what that looks like (`lab: { faults: […] }`). */
export const LAB_FAULTS = [
  /** The route table of its networks does not lead to it: what leaves them goes nowhere, without a word. */
  'route-table',
  /** Its NICs take and give only packets with their own addresses, as those of any host that is no gateway. */
  'source-destination-check',
  /** Its security group lets nobody in from inside the networks; answers to what it asked itself come back. */
  'security-group',
  /** Nothing maps its EIPs to it. */
  'eip-binding',
] as const;

export type LabFault = (typeof LAB_FAULTS)[number];
