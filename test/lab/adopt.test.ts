import { expect } from '@jest/globals';
import { adoptionCases, BRIDGES, FOREIGN, handMadeBalancer, PERSISTENT } from './adoption-cases.ts';
import { appHostLab } from './app-host-lab.ts';
import { installApps, untilAppsListen } from './egress-apps.ts';
import { labSupport } from './support.ts';

labSupport('a balancer by hand (seed 004) is taken over', () =>
  adoptionCases(handMadeBalancer('iptables-nft')),
);

labSupport('an app host with bridges by hand (seed 003) is taken over', () => {
  adoptionCases(async () => {
    const entries = `
            - { name: web-a, nic: eth0, scheme: bridge, bridge: br-eip1, address: 172.19.0.100, publish: ['8090:8090', '7000:7000'] }
            - { name: web-b, nic: eth1, scheme: bridge, bridge: br-eip2, address: 172.19.0.101, publish: ['8090:8090'], users: [www-data] }`;
    let hosts = '';
    const lab = await appHostLab(({ edit }) =>
      edit('hosts.yml', (text) => (hosts = text.replace(/\n +- \{ name: crawler.*/, entries))),
    );
    const apps = [
      { name: 'app-a', listen: '172.19.0.100', port: 8090, source: '172.19.0.100' },
      { name: 'app-b', listen: '172.19.0.101', port: 8090, user: 'www-data' },
    ];
    // brctl and ifconfig of the article, in words that every image has; ifconfig gives a class B network.
    await lab.on(
      'app1',
      `apt-get -qq update >/dev/null 2>&1; apt-get -qq -y install iptables >/dev/null 2>&1
for n in 1 2; do ip link add br-eip$n type bridge; ip link set br-eip$n up; ip addr add 172.19.0.$((99 + n))/16 dev br-eip$n; done
${FOREIGN}
${PERSISTENT}
${installApps(apps, '198.51.100.10')}
${untilAppsListen(apps)}`,
    );
    return {
      lab,
      host: 'app1',
      kind: '',
      typed: BRIDGES,
      far: 'app1',
      asked: { address: '109.25.48.65', port: '8090', rate: '100', held: '7000' },
      declare: (more) =>
        lab.edit('hosts.yml', () =>
          hosts.replace('          egress:', `${more.replaceAll(/^(?=.)/gm, '          ')}          egress:`),
        ),
      served: async () => {
        await lab.on('app1', untilAppsListen(apps));
        expect(
          await lab.requests('outside1', 20, ['http://109.25.48.65:8090/', 'http://119.26.38.75:8090/']),
        ).toEqual({
          'http://109.25.48.65:8090/': { '172.19.0.100 109.25.48.65': 20 },
          'http://119.26.38.75:8090/': { '172.19.0.101 119.26.38.75': 20 },
        });
      },
    };
  });
});
