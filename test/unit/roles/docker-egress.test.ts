import { describe, expect, it } from '@jest/globals';
import type { Host } from '../../../src/model/host.ts';
import type { RoleContext } from '../../../src/model/playbook.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { dockerEgress, dockerEgressTakenAway } from '../../../src/roles/docker-egress.ts';
import { readVariables } from '../../../src/roles/variables/index.ts';
import { templates } from '../../../src/templating.ts';
import { facts } from '../resources/conformance.ts';

const entry = (name: string, nic: string, net: number, over: object = {}) => ({
  name,
  nic,
  scheme: 'docker',
  network: { name: `net_${net}`, subnet: `172.${net}.0.0/24`, bridge: `br-${net}` },
  containers: [{ name, image: 'eip:latest', ip: `172.${net}.0.100`, publish: ['8090:8080'] }],
  ...over,
});

/** The seed's host; eth1 has a second address with an EIP of its own. */
function contextOf(egress: readonly object[]): RoleContext {
  const vars = {
    nics: {
      eth0: { network: 'vpc-a', address: '172.31.0.8/24' },
      eth1: { network: 'vpc-a', address: '172.31.0.14/24', secondary: ['172.31.0.15/24'] },
    },
    eips: {
      a: { public: '109.25.48.65', private: '172.31.0.8' },
      b: { public: '119.26.38.75', private: '172.31.0.14' },
      c: { public: '119.26.38.76', private: '172.31.0.15' },
    },
    networks: { 'vpc-a': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } },
    echo_url: ['http://198.51.100.10/ip'],
    egress,
  };
  const host: Host = {
    name: 'app1',
    groups: ['all', 'app-host'],
    vars,
    connection: { address: '172.31.0.8', become: true, jumps: [], hostKeys: [], via: 'ssh' },
    place: () => undefined,
  };
  return {
    host,
    vars,
    hosts: { app1: vars, outside1: { ansible_host: '198.51.100.10' } },
    groups: { probes: ['outside1'] },
    play: ['app1'],
    template: templates(['templates']),
  };
}
function build(...egress: object[]) {
  const context = contextOf(egress);
  const { resources, checks } = dockerEgress(readVariables(context.vars), context);
  return { resources, proofs: checks.flatMap((spec) => spec(context)) };
}

const ids = (resources: readonly Resource[]): string[] => resources.map(({ id }) => id);
const created = (resources: readonly Resource[], id: string): string =>
  resources
    .find((resource) => resource.id === id)
    ?.plan({ stdout: '', code: 127 }, facts)
    ?.apply.steps.join('\n') ?? '';

const TWO = [entry('web-a', 'eth0', 19), entry('web-b', 'eth1', 20)];

describe('scheme docker', () => {
  it('is Docker, installed where none is, then what it runs: networks before containers', () => {
    expect(ids(build(...TWO).resources)).toEqual([
      'package:docker.io',
      'package:curl',
      'docker-image:eip:latest',
      'service:docker',
      'docker-network:net_19',
      'docker-network:net_20',
      'docker-container:web-a',
      'docker-container:web-b',
    ]);
  });

  it('gives each network the address of its NIC, and publishes there', () => {
    const { resources } = build(...TWO);
    expect(created(resources, 'docker-network:net_20')).toContain(
      '"com.docker.network.host_ipv4": "172.31.0.14"',
    );
    const body = created(resources, 'docker-container:web-b');
    expect(body).toContain('"PortBindings":{"8080/tcp":[{"HostIp":"172.31.0.14","HostPort":"8090"}]}');
    expect(body).toContain('"net_20":{"IPAMConfig":{"IPv4Address":"172.20.0.100"}}');
  });

  it('an EIP of a second address stands for that address', () => {
    const { resources, proofs } = build(entry('web-c', 'eth1', 20, { eip: 'c' }));
    expect(created(resources, 'docker-network:net_20')).toContain(
      '"com.docker.network.host_ipv4": "172.31.0.15"',
    );
    expect(proofs.map(({ expect: wanted }) => wanted)).toEqual(['119.26.38.76', 'open']);
  });

  it('a network of two NICs has no address of its own: what leaves it is told apart by its containers', () => {
    const shared = entry('web-b', 'eth1', 19, {
      containers: [{ name: 'web-b', image: 'eip', ip: '172.19.0.101' }],
    });
    const { resources } = build(entry('web-a', 'eth0', 19), shared);
    expect(ids(resources).filter((id) => id.startsWith('docker-network'))).toEqual(['docker-network:net_19']);
    expect(created(resources, 'docker-network:net_19')).not.toContain('host_ipv4');
    // Control: two entries of one NIC share it with its address.
    const one = build(entry('web-a', 'eth0', 19), { ...shared, nic: 'eth0' });
    expect(created(one.resources, 'docker-network:net_19')).toContain(
      '"com.docker.network.host_ipv4": "172.31.0.8"',
    );
  });

  it('passes environment, command and restart on, values of all sorts as text', () => {
    const [container] = entry('web-a', 'eth0', 19).containers;
    const more = { environment: { N: 1, T: true, S: 'a "b"\nc' }, command: ['run', '-x'], restart: 'no' };
    const { resources } = build(entry('web-a', 'eth0', 19, { containers: [{ ...container, ...more }] }));
    const body = created(resources, 'docker-container:web-a');
    expect(body).toContain(String.raw`"Cmd":["run","-x"],"Env":["N=1","T=true","S=a \"b\"\nc"]`);
    expect(body).toContain('"RestartPolicy":{"Name":"no","MaximumRetryCount":0}');
  });

  it('proves that each container leaves by its EIP and answers there', () => {
    expect(build(...TWO).proofs.map(({ from, to, expect: wanted }) => [from, to, wanted])).toEqual([
      ['app1/web-a', 'http://198.51.100.10/ip', '109.25.48.65'],
      ['outside1', '109.25.48.65:8090', 'open'],
      ['app1/web-b', 'http://198.51.100.10/ip', '119.26.38.75'],
      ['outside1', '119.26.38.75:8090', 'open'],
    ]);
    const many = Array.from({ length: 6 }, (_none, index) => entry(`web-${index}`, 'eth0', 19 + index));
    expect(build(...many).proofs.filter(({ when }) => when === 'always')).toHaveLength(8);
  });

  it('reads everything at once: one text, which runs once', () => {
    const probes = build(...TWO)
      .resources.filter(({ kind }) => /^docker-(network|container|image)$/.test(kind))
      .map(({ probe }) => probe);
    expect([probes.length, new Set(probes).size]).toEqual([5, 1]);
  });

  it('is nothing where no entry has it', () => {
    expect(build({ name: 'x', nic: 'eth0', scheme: 'bind' })).toEqual({ resources: [], proofs: [] });
  });

  it('is taken away newest first, each to its baseline; packages and images stay', () => {
    const context = contextOf(TWO);
    const resources = dockerEgressTakenAway(readVariables(context.vars), context);
    expect(ids(resources)).toEqual([
      'docker-container:web-b',
      'docker-container:web-a',
      'docker-network:net_20',
      'docker-network:net_19',
      'service:docker',
    ]);
    expect(resources.every(({ toBaseline }) => toBaseline)).toBe(true);
  });
});
