import type { CheckResult } from '../../src/model/check.ts';
import type { Inventory } from '../../src/model/host.ts';
import type { HostReport } from '../../src/model/report.ts';
import type { ResourceChange } from '../../src/model/resource.ts';
import type { RunRecord } from '../../src/reporters/record.ts';
import { loadText } from '../unit/inventory/fixture.ts';
import { change, check, host, record } from '../unit/reporters/records.ts';

const GATEWAY = (index: number): string => `
        gw${index}:
          ansible_host: 10.${index}.0.2
          nics: { eth0: { network: site-${index}, address: 10.${index}.0.2/24, secondary: [10.${index}.0.3/24, 10.${index}.0.4/24] } }
          eips:
            office: { public: 203.0.113.${index * 10}, private: 10.${index}.0.2 }
            shop: { public: 203.0.113.${index * 10 + 1}, private: 10.${index}.0.3, peak: 200mbit }
            mail: { public: 203.0.113.${index * 10 + 2}, private: 10.${index}.0.4 }
          nat:
            masquerade: [10.${index}.0.0/24]
            snat: [{ source: 10.${index}.0.20, to: shop }]
            dnat:
              - { name: shop-http, eip: shop, port: 80, protocol: tcp, to: 10.${index}.0.21, to_port: 8080 }
              - { name: shop-https, eip: shop, port: 443, protocol: tcp, to: 10.${index}.0.22, to_port: 8443 }
              - { name: media, eip: office, port: 20000-20100, protocol: udp, to: 10.${index}.0.23 }
          bandwidth: [{ name: shared, cap: 1500mbit, eips: [office, shop] }]`;

const PLAIN = (index: number, number: number): string =>
  `        web${index}-${String(number).padStart(2, '0')}: { ansible_host: 10.${index}.0.${19 + number}, nics: { eth0: { network: site-${index}, address: 10.${index}.0.${19 + number}/24 } } }`;

const range = (length: number): number[] => Array.from({ length }, (_, index) => index + 1);

/** Gateways with the hosts behind them, a host of apps, a balancer, and a vantage point: \`sites\` × \`behind\` + … hosts. */
const inventoryText = (sites: number, behind: number, more: boolean): string => `all:
  vars:
    echo_url: [http://198.51.100.10/ip]
    networks:
${range(sites)
  .map((index) => `      site-${index}: { cidr: 10.${index}.0.0/24, gateway: 10.${index}.0.1 }`)
  .join('\n')}
  children:
    probes: { hosts: { outside1: { ansible_host: 198.51.100.10 } } }
    nat-gateway:
      hosts:${range(sites).map(GATEWAY).join('')}
${
  more
    ? `    app-host:
      hosts:
        app1:
          ansible_host: 10.1.0.80
          nics: { eth0: { network: site-1, address: 10.1.0.80/24 }, eth1: { network: site-1, address: 10.1.0.81/24 } }
          eips: { a: { public: 192.0.2.80, private: 10.1.0.80 }, b: { public: 192.0.2.81, private: 10.1.0.81 } }
          egress:
            - { name: crawler, nic: eth1, scheme: bind, users: [crawler] }
            - name: web-a
              nic: eth0
              scheme: docker
              network: { name: eip_bridge, subnet: 172.19.0.0/16 }
              containers: [{ name: web-a, image: 'eip:latest', ip: 172.19.0.100, publish: ['8090:8080'] }]
    load-balancer:
      hosts:
        lb1:
          ansible_host: 10.2.0.90
          nics: { eth0: { network: site-2, address: 10.2.0.90/24 } }
          listeners:
            - name: web
              address: 10.2.0.90
              port: 8080
              backends: [{ address: 10.2.0.24 }, { address: 10.2.0.25, weight: 2 }, { address: 192.0.2.99, port: 80, state: draining }]
              health: { http: { path: /healthz } }
`
    : ''
}    private:
      hosts:
${range(sites)
  .flatMap((index) => range(behind).map((number) => PLAIN(index, number)))
  .join('\n')}
`;

const nowhere = { apply: { steps: [] }, revert: { steps: [] } };

/** What a gateway's plan looks like. */
function planOf(index: number): ResourceChange[] {
  const rules = 'rules:nat';
  return [
    {
      ...{ resource: rules, kind: 'rules', phase: 'main', ...nowhere },
      changes: [
        change(`missing live: DNAT 10.${index}.0.3:443/tcp to 10.${index}.0.22:8443`, {
          ...{ resource: rules, field: 'dnat_port', action: 'update' },
          ...{ before: [], after: [`10.${index}.0.3 . tcp . 443 : 10.${index}.0.22 . 8443`] },
        }),
        change('/etc/provision/nat.nft differs in the saved configuration', {
          resource: rules,
          field: 'file',
          layer: 'saved',
        }),
      ],
      cuts: [`DNAT 10.${index}.0.3:8443/tcp to 10.${index}.0.22:8443`],
      text: {
        path: '/etc/provision/nat.nft',
        before: `table ip provision {\n\tmap dnat_port {\n\t\telements = { 10.${index}.0.3 . tcp . 8443 : 10.${index}.0.22 . 8443 }\n\t}\n}\n`,
        after: `table ip provision {\n\tmap dnat_port {\n\t\telements = { 10.${index}.0.3 . tcp . 443 : 10.${index}.0.22 . 8443 }\n\t}\n}\n`,
      },
    },
    {
      ...{ resource: 'sysctl:nat-gateway', kind: 'sysctl', phase: 'main', ...nowhere },
      changes: [
        change('net.ipv4.ip_forward is 0 live, should be 1', {
          ...{ resource: 'sysctl:nat-gateway', field: 'net.ipv4.ip_forward', before: '0', after: '1' },
        }),
      ],
    },
  ];
}

export interface Fleet {
  readonly inventory: Inventory;
  readonly record: RunRecord;
}

export interface FleetOptions {
  readonly sites: number;
  readonly behind: number;
  /** A host of apps and a balancer too. */
  readonly more?: boolean;
  /** The last gateway's change broke a check: it was put back. */
  readonly broken?: boolean;
}

/** A run over such hosts, as the reports get it. */
export async function fleet({ sites, behind, more = false, broken = false }: FleetOptions): Promise<Fleet> {
  const inventory = await loadText(inventoryText(sites, behind, more));
  const plans = new Map<string, readonly ResourceChange[]>();
  const hosts = [...inventory.hosts.values()].map((one, order): HostReport => {
    const [, kind = '', site = ''] = /^([a-z]+)(\d+)/.exec(one.name) ?? [];
    const index = Number(site);
    const failing = broken && index === sites;
    const eip = `203.0.113.${index * 10}`;
    const timings = { probe: 180 + ((order * 37) % 240), plan: 3 };
    if (kind === 'gw') {
      const plan = index % 2 === 1 || failing ? planOf(index) : [];
      if (plan.length > 0) plans.set(one.name, plan);
      return host({
        ...{
          name: one.name,
          resources: 16,
          status: failing ? 'reverted' : plan.length > 0 ? 'changed' : 'ok',
        },
        changes: plan.flatMap(({ changes }) => changes),
        timings:
          plan.length > 0
            ? { ...timings, apply: 1900, verify: 700, ...(failing ? { revert: 640 } : { confirm: 90 }) }
            : timings,
        ...(failing
          ? {
              error: {
                code: 'check-failed',
                message: `${one.name} was put back: check "web${index}-02 leaves by ${eip}": expected ${eip}, got no way out.`,
                hint: 'Mend the cause and run again.',
                ...{ file: 'inventory/prod/host_vars/gw.yml', line: 12, column: 9 },
              },
            }
          : {}),
      });
    }
    if (kind === 'outside')
      return host({
        ...{ name: one.name, resources: 0, timings },
        checks: range(sites).map((at): CheckResult =>
          check({
            name: 'shop-http answers from outside',
            ...{
              from: one.name,
              kind: 'reach',
              to: `203.0.113.${at * 10 + 1}:80`,
              expected: 'open',
              got: 'open',
              baseline: 'pass',
            },
          }),
        ),
      });
    if (kind !== 'web') return host({ name: one.name, resources: 9, timings });
    const lost = broken && one.name === `web${sites}-05`;
    const leaves = one.name.endsWith('-01') ? `203.0.113.${index * 10 + 1}` : eip;
    const fails = failing && !lost;
    return host({
      ...{ name: one.name, resources: 0, timings, status: lost ? 'unreachable' : 'ok' },
      checks: [
        check({
          ...{ name: `${one.name} leaves by ${leaves}`, from: one.name, expected: leaves, baseline: 'pass' },
          status: lost ? 'unproven' : fails ? 'fail' : 'pass',
          got: lost ? `${one.name} could not be asked` : fails ? 'no way out' : leaves,
          ...(fails
            ? {
                hint: {
                  step: 'forwarding',
                  sentence: `gw${index} does not forward: net.ipv4.ip_forward is 0 there.`,
                },
              }
            : {}),
        }),
      ],
      ...(lost
        ? {
            error: {
              code: 'connection-timeout',
              message: `${one.name}: 10.${index}.0.24 port 22 did not answer within 15 s.`,
              hint: 'Is it up, and does a firewall let you in? Try: provision ping.',
            },
          }
        : {}),
    });
  });
  return {
    inventory,
    record: record(
      hosts,
      {
        plans,
        warnings: [
          {
            host: 'gw1',
            message: 'has a global IPv6 route: IPv6 traffic bypasses the rules of this version',
          },
        ],
      },
      { exitCode: broken ? 2 : 0 },
    ),
  };
}
