import { defineRole, dockerNetwork, natGateway, play, playbook, sysctl } from 'provision';

const values = {
  'net.ipv4.conf.all.rp_filter': 2,
  'net.ipv4.conf.default.rp_filter': 2,
  'net.netfilter.nf_conntrack_tcp_timeout_established': 86400,
  'net.ipv4.ip_local_port_range': '10240 65000',
  'net.ipv4.tcp_fin_timeout': 30,
  'net.ipv4.tcp_keepalive_time': 600,
  'net.core.somaxconn': 8192,
};

const definition = JSON.stringify({
  Name: 'eip_bridge',
  Driver: 'bridge',
  IPAM: { Config: [{ Subnet: '172.19.0.0/16' }] },
  Options: { 'com.docker.network.bridge.name': 'eip_bridge' },
});

/** What the job has besides a gateway's own: kernel settings and a Docker network. */
const besides = defineRole('besides', () => ({
  resources: [
    sysctl({
      name: 'bench',
      values,
      content: Object.entries(values)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(''),
    }),
    dockerNetwork({ name: 'eip_bridge', definition }),
  ],
}));

// The job that is timed: 8 sysctls, a Docker network, a firewalld zone, SNAT and DNAT. Live and saved.
export default playbook('Gateway job', [play({ hosts: 'nat-gateway', roles: [natGateway(), besides()] })]);
