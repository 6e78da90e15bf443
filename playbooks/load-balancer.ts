import { loadBalancer, play, playbook } from 'provision';

export default playbook('Load balancers', [
  play({ hosts: 'load-balancer', serial: 1, roles: [loadBalancer()] }),
]);
