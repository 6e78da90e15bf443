import { appHost, loadBalancer, natGateway, noEgress, play, playbook } from 'provision';

// The whole network, in the order in which its parts need each other: first the ways out, then what serves, then what
// leads to it. Balancers one after another, so that one serves while the other changes.
export default playbook('Site', [
  play({
    hosts: 'nat-gateway',
    roles: [natGateway()],
    checks: [noEgress({ from: 'isolated', optional: true })],
  }),
  play({ hosts: 'app-host', roles: [appHost()] }),
  play({ hosts: 'load-balancer', serial: 1, roles: [loadBalancer()] }),
]);
