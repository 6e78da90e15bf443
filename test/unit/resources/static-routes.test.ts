import { describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import { staticRoutes } from '../../../src/resources/index.ts';
import { captured, describeResource, facts, stepsOf } from './conformance.ts';

const routes = [
  { to: '192.0.2.10', via: '10.192.0.1' },
  { to: '192.0.2.20', via: '10.192.0.1' },
];
const resource = staticRoutes({ nic: 'eth0', routes });

describeResource('routes', {
  resource,
  matching: captured('debian-12-networkd-252-routes-present'),
  absent: captured('debian-12-networkd-252-routes-absent'),
  different: captured('debian-12-networkd-252-routes-lost-live'),
  differs: ['live.routes'],
  hostile: (text) => staticRoutes({ nic: text, routes: [{ to: text, via: text }] }),
});

describe('routes to single addresses', () => {
  it('are added live and in a drop-in of the NIC’s own .network file', () => {
    const steps = stepsOf(resource.plan(captured('debian-12-networkd-252-routes-absent'), facts)?.apply);
    expect(steps[0]).toContain('/provision-routes-eth0.conf');
    expect(steps[0]).toContain('Destination=192.0.2.10/32\nGateway=10.192.0.1');
    expect(steps).toContain(`ip -4 route replace '192.0.2.20/32' via '10.192.0.1' dev 'eth0' proto static`);
  });

  it('those that are lost live only are put back without touching the file', () => {
    const steps = stepsOf(resource.plan(captured('debian-12-networkd-252-routes-lost-live'), facts)?.apply);
    expect(steps).toEqual([`ip -4 route replace '192.0.2.20/32' via '10.192.0.1' dev 'eth0' proto static`]);
  });

  it('what is not declared any more goes, routes of others stay', () => {
    const fewer = staticRoutes({ nic: 'eth0', routes: routes.slice(0, 1) });
    const change = fewer.plan(captured('debian-12-networkd-252-routes-present'), facts);
    expect(change?.changes.map(({ sentence }) => sentence)).toEqual([
      'eth0: not declared but present live: route to 192.0.2.20 via 10.192.0.1',
      'eth0: not declared but present in the saved configuration: route to 192.0.2.20 via 10.192.0.1',
    ]);
    expect(stepsOf(change?.apply).join('\n')).toContain(`ip -4 route del '192.0.2.20/32'`);
    // A route that our file never brought is not ours.
    const other = captured('debian-12-networkd-252-routes-absent');
    const beside = {
      ...other,
      stdout: other.stdout.replace('== routes\n', '== routes\n192.0.2.99 via 10.192.0.7\n'),
    };
    expect(staticRoutes({ nic: 'eth0', routes: [] }).plan(beside, facts)).toBeNull();
  });

  it('where something else configures the NIC, what is missing is refused, and what is there is taken', () => {
    const live = captured('debian-12-networkd-252-routes-present').stdout;
    const nobodys = live.replaceAll(/^\/run\/systemd\/netif\/links\/.*\n/gm, '');
    expect(resource.plan({ stdout: nobodys, code: 0 }, facts)).toBeNull();
    const lost = nobodys.replace('192.0.2.20 via 10.192.0.1 proto static \n', '');
    let code = '';
    try {
      resource.plan({ stdout: lost, code: 0 }, facts);
    } catch (error) {
      code = isProvisionError(error) ? error.code : 'another error';
    }
    expect(code).toBe('host-unsupported');
  });
});
