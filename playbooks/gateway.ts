import { natGateway, noEgress, play, playbook } from 'provision';

// The role proves by itself that every known host with a declared source leaves by the gateway's address, and that
// every TCP entry of its DNAT table answers. What must stay closed is said here: hosts of the group `isolated`, if
// there is one, are in the network but not declared, and must find no way out.
export default playbook('NAT gateways', [
  play({
    hosts: 'nat-gateway',
    roles: [natGateway()],
    checks: [noEgress({ from: 'isolated', optional: true })],
  }),
]);
