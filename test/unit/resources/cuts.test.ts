import { describe, expect, it } from '@jest/globals';
import type { FieldDifference } from '../../../src/model/resource.ts';
import { secondaryAddresses, service, sysctl } from '../../../src/resources/index.ts';
import { cutsOfFirewalld } from '../../../src/resources/firewalld-words.ts';
import { cutsOfRules } from '../../../src/resources/rules-words.ts';
import { captured, facts } from './conformance.ts';

const live = (
  field: string,
  before: FieldDifference['before'],
  after: FieldDifference['after'],
): FieldDifference => ({
  ...{ field, layer: 'live', before, after },
});

describe('what a change cuts', () => {
  it('rules: entries that go, entries that lead elsewhere; not what only comes', () => {
    const [old, kept, moved, later] = [
      '172.31.0.2 . tcp . 80 : 172.31.0.8 . 8080',
      '172.31.0.2 . tcp . 81 : 172.31.0.8 . 81',
      '172.31.0.2 . tcp . 82 : 172.31.0.8 . 82',
      '172.31.0.2 . tcp . 82 : 172.31.0.9 . 82',
    ];
    expect(cutsOfRules(live('dnat_port', [old, kept, moved], [kept, later]))).toEqual([
      '172.31.0.2:82/tcp to 172.31.0.8:82, which goes to 172.31.0.9:82 then',
      'DNAT 172.31.0.2:80/tcp to 172.31.0.8:8080',
    ]);
    expect(cutsOfRules(live('masqueraded', ['172.31.0.0/24'], []))).toEqual(['masquerade 172.31.0.0/24']);
    expect(cutsOfRules(live('masqueraded', [], ['172.31.0.0/24']))).toEqual([]);
    // How it is done is nobody's connection.
    expect(cutsOfRules(live('chain guard', ['accept'], []))).toEqual([]);
  });

  it('firewalld: what a zone lets in and will not', () => {
    expect(cutsOfFirewalld('zone', 'public', live('services', ['http', 'ssh'], ['ssh']))).toEqual([
      'service http (zone public)',
    ]);
    expect(cutsOfFirewalld('zone', 'public', live('target', 'default', null))).toEqual([]);
  });

  it('kernel parameters: only forwarding that ends', () => {
    const off = sysctl({ name: 'nat-gateway', values: { 'net.ipv4.ip_forward': 0 }, content: null });
    expect(off.plan({ stdout: '1\n--\nabsent\n', code: 0 }, facts)?.cuts).toEqual([
      'forwarding between its NICs',
    ]);
    const on = sysctl({ name: 'nat-gateway', values: { 'net.ipv4.ip_forward': 1 }, content: null });
    expect(on.plan({ stdout: '0\n--\nabsent\n', code: 0 }, facts)).not.toHaveProperty('cuts');
  });

  it('a service that stops, an address that goes', () => {
    const stopped = service({ name: 'firewalld', running: false, enabled: false });
    const running = 'ActiveState=active\nUnitFileState=enabled\nLoadState=loaded\n';
    expect(stopped.plan({ stdout: running, code: 0 }, facts)?.cuts).toEqual(['service firewalld']);
    const none = secondaryAddresses({ nic: 'eth0', primary: null, addresses: [] });
    expect(none.plan(captured('debian-12-networkd-252-secondary'), facts)?.cuts).toEqual([
      'address 172.31.0.3 of eth0',
      'address 172.31.0.4 of eth0',
    ]);
  });
});
