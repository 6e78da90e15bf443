import { describe, expect, test } from '@jest/globals';
import { sourcesFor } from '../../../src/lab/apt-sources.ts';
import { hostFiles } from '../../../src/lab/host-files.ts';
import { layersOf } from '../../../src/lab/image-recipe.ts';
import type { ImageSpec } from '../../../src/lab/image-spec.ts';
import { imageName } from '../../../src/lab/image-spec.ts';
import { labPlan } from '../../../src/lab/plan.ts';
import { problemsOf } from '../../../src/model/error.ts';
import { inventoryOf, labHost, smallInventory } from '../../lab/small-inventory.ts';

const PLAIN: ImageSpec = { release: 'debian-12', image: 'bare', nic: 'networkd', iptables: 'nft' };
const namesOf = (spec: ImageSpec) => layersOf(spec).map(({ name }) => name);
const networks = { 'vpc-a': { cidr: '172.31.0.0/24', gateway: '172.31.0.1' } };
const host = (lab: Record<string, unknown>, nics = {}) =>
  labHost('a', [], {
    networks,
    ansible_host: '172.31.0.5',
    nics: { eth0: { network: 'vpc-a', address: '172.31.0.5/24', ...nics } },
    lab,
  });
const planOf = (lab: Record<string, unknown>, nics = {}) =>
  labPlan(inventoryOf('/somewhere', [host(lab, nics)]));

describe('the image of a host', () => {
  test('is what `lab:` says, else a bare Debian 12 under networkd with iptables-nft', () => {
    const imageOf = (lab: Record<string, unknown>) => planOf(lab).hosts[0]?.image;
    expect(imageOf({})).toEqual(PLAIN);
    const all = { release: 'debian-11', image: 'full', nic: 'ifupdown', iptables: 'legacy' };
    expect(imageOf(all)).toEqual(all);
    expect(imageName(PLAIN)).toBe('debian-12 bare');
    expect(imageName({ ...PLAIN, nic: 'ifupdown', iptables: 'legacy' })).toBe(
      'debian-12 bare ifupdown iptables-legacy',
    );
  });

  test('is of the release asked for, where the host does not say its own', () => {
    const inventory = smallInventory('/somewhere', { lab: { release: 'debian-13', ssh_port: 2222 } });
    const releases = labPlan(inventory, 'debian-11').hosts.map(({ image }) => image.release);
    expect(releases).toEqual(['debian-11', 'debian-11', 'debian-13']);
  });

  test.each(['release', 'image', 'nic', 'iptables'])('with an unknown %s is refused', (key) => {
    const problem = (() => {
      try {
        planOf({ [key]: 'alpine' });
      } catch (error) {
        return problemsOf(error)[0];
      }
      return undefined;
    })();
    expect(problem?.message).toContain(`a: \`lab.${key}\` is none of: `);
    expect(problem?.hint).toContain(`lab: { ${key}: `);
  });
});

describe('the layers of an image', () => {
  test('lie one over the other, the same ones below different images', () => {
    expect(namesOf(PLAIN)).toEqual(['debian-12']);
    expect(namesOf({ ...PLAIN, image: 'full', nic: 'ifupdown', iptables: 'legacy' })).toEqual([
      'debian-12',
      'debian-12-full',
      'debian-12-full-ifupdown',
      'debian-12-full-ifupdown-legacy',
    ]);
    const [lowest] = layersOf(PLAIN);
    expect(layersOf({ ...PLAIN, image: 'full' })[0]).toEqual(lowest);
  });

  test('carry a hash that no other layer has, another for each release', () => {
    const specs: ImageSpec[] = (['debian-11', 'debian-12', 'debian-13'] as const).flatMap((release) =>
      (['bare', 'full'] as const).flatMap((image) =>
        (['networkd', 'ifupdown'] as const).flatMap((nic) =>
          (['nft', 'legacy'] as const).map((iptables) => ({ release, image, nic, iptables })),
        ),
      ),
    );
    const layers = specs.flatMap(layersOf);
    const names = new Set(layers.map(({ name }) => name));
    const hashes = new Set(layers.map(({ hash }) => hash));
    expect(names.size).toBe(24);
    expect(hashes.size).toBe(24);
  });
});

describe('where packages come from', () => {
  // Printed by apt 2.6.1 on Debian 12: URI, release, component, origin.
  const targets = [
    ['http://deb.debian.org/debian/', 'bookworm', 'main', 'Debian'],
    ['http://deb.debian.org/debian/', 'bookworm-updates', 'main', 'Debian'],
    ['http://deb.debian.org/debian-security/', 'bookworm-security', 'main', 'Debian'],
    ['http://deb.debian.org/debian/', 'bookworm-backports', 'main', 'Debian'],
    ['http://deb.debian.org/debian/', 'bookworm', 'contrib', 'Debian'],
    ['https://deb.nodesource.com/node_20.x/', 'nodistro', 'main', '. nodistro'],
  ];
  const printed = targets.map((line) => `${line.join('\t')}\n`).join('');

  test.each(['bookworm', 'trixie'])('is this machine’s own mirrors, also for %s', (suite) => {
    expect(sourcesFor(suite, printed)).toEqual([
      `deb http://deb.debian.org/debian/ ${suite} main`,
      `deb http://deb.debian.org/debian/ ${suite}-updates main`,
      `deb http://deb.debian.org/debian-security/ ${suite}-security main`,
    ]);
  });

  test('is mmdebstrap’s own choice on another distribution', () => {
    expect(sourcesFor('trixie', 'http://archive.ubuntu.com/ubuntu/\tnoble\tmain\tUbuntu\n')).toEqual([]);
  });
});

describe('the files of a host', () => {
  const filesOf = (lab: Record<string, unknown>, nics = {}) => {
    const [planned] = planOf(lab, nics).hosts;
    if (!planned) throw new Error('no host');
    return new Map(hostFiles(planned, { private: 'k', public: 'p' }).map(({ path, text }) => [path, text]));
  };

  test('are networkd’s by default', () => {
    const files = filesOf({});
    expect(files.get('/etc/systemd/network/10-eth0.network')).toContain('Address=172.31.0.5/24');
    expect(files.has('/etc/network/interfaces')).toBe(false);
  });

  test('are ifupdown’s where it is asked for: a stanza for each address, one way out', () => {
    const files = filesOf({ nic: 'ifupdown' }, { secondary: ['172.31.0.6/24'] });
    expect([...files.keys()].filter((path) => path.includes('/systemd/network/'))).toEqual([]);
    expect(files.get('/etc/network/interfaces')?.split('\n\n').slice(2)).toEqual([
      'auto eth0',
      'iface eth0 inet static\n  address 172.31.0.5/24\n  gateway 172.31.0.1',
      'iface eth0 inet static\n  address 172.31.0.6/24\n',
    ]);
  });

  test('lead out over a router that is not in the NIC’s network, as a probe’s is not', () => {
    const probe = labHost('p', ['probes'], { ansible_host: '198.51.100.9', lab: { nic: 'ifupdown' } });
    const [planned] = labPlan(inventoryOf('/somewhere', [probe])).hosts;
    if (!planned) throw new Error('no host');
    const text = hostFiles(planned, { private: 'k', public: 'p' }).find(
      ({ path }) => path === '/etc/network/interfaces',
    )?.text;
    expect(text).toContain('up ip route add default via 169.254.0.1 dev eth0 onlink');
  });
});
