import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appHostLab, EIP_URLS, NICS, PORT } from './app-host-lab.ts';
import type { AppHostLab } from './app-host-lab.ts';
import { APP_COMMAND, IMPORT_IMAGE, withEntries } from './docker-apps.ts';
import type { DockerApp, DockerEntry } from './docker-apps.ts';
import { changesOf, provision, SNAPSHOT, statusOf } from './gateway-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;
const [A, B] = NICS;
const SECRET = 'tr0ub4dor-$&3';

const WEB_A: DockerApp = {
  name: 'web-a',
  ip: '172.19.0.100',
  publish: [`${PORT}:8080`],
  environment: { TOKEN: SECRET },
};
const WEB_B: DockerApp = { name: 'web-b', ip: '172.20.0.100', publish: [`${PORT}:8080`] };

/** The seed's table: one Docker network for each NIC. */
function entries(
  a: Partial<DockerApp> | null = {},
  b: Partial<DockerApp> | null = {},
  options = {},
): DockerEntry[] {
  const withImage = (app: DockerApp, over: Partial<DockerApp>): DockerApp => ({
    image: 'eip:latest',
    ...app,
    ...over,
  });
  return [
    {
      name: 'web-a',
      nic: A.nic,
      network: { name: 'eip_a', subnet: '172.19.0.0/24', bridge: 'eip_a', options },
      ...(a ? { containers: [withImage(WEB_A, a)] } : {}),
    },
    {
      name: 'web-b',
      nic: B.nic,
      network: { name: 'eip_b', subnet: '172.20.0.0/24', bridge: 'eip_b' },
      ...(b ? { containers: [withImage(WEB_B, b)] } : {}),
    },
  ];
}

/** Debian 13 installs Docker without its command, which provision does not need: it is for the eyes of this test. */
const DOCKER_COMMAND =
  'command -v docker >/dev/null || apt-get -qq -y install docker-cli >/dev/null 2>&1; command -v docker';

/** Networks and containers as Docker shows them, without what changes by itself. */
const DOCKER_STATE = `
docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}} {{.Ports}}' | sort
docker network ls --no-trunc --format '{{.ID}} {{.Name}}' | sort
docker network inspect $(docker network ls -q) --format '{{.Name}} {{json .Options}} {{range .Containers}}{{.Name}} {{.IPv4Address}} {{end}}'`;

labSupport('an app host whose apps are containers', () => {
  let lab: AppHostLab;
  let before = '';
  const write = (list: readonly DockerEntry[], more = ''): void =>
    lab.edit('hosts.yml', withEntries(list, more));
  const on = (script: string): Promise<string> => lab.on('app1', script).then((text) => text.trim());
  beforeAll(async () => {
    lab = await appHostLab(({ edit }) => edit('hosts.yml', withEntries(entries(null, null))));
    before = await on(SNAPSHOT);
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  /** Every request is answered by the container of the NIC it came to, and shows that NIC's EIP. */
  const expectWhole = async (count = 10): Promise<void> => {
    expect(await lab.requests('outside1', count, EIP_URLS)).toEqual({
      [EIP_URLS[0] ?? '']: { [`${WEB_A.ip} ${A.eip}`]: count },
      [EIP_URLS[1] ?? '']: { [`${WEB_B.ip} ${B.eip}`]: count },
    });
    expect(await lab.wrongSince()).toBe(0);
  };
  const rollback = (...flags: string[]) => provision('rollback', '-l', 'app1', '-i', lab.inventory, ...flags);
  const changed = async (...flags: string[]): Promise<string[]> => {
    const run = await lab.run(...flags);
    if (run.code !== 0) throw new Error(`ended ${run.code}:\n${run.stdout}${run.stderr}`);
    return changesOf(run.report, 'app1');
  };
  const expectInSync = async (): Promise<void> => {
    const { code, report } = await lab.run();
    expect([code, report.hosts.flatMap((host) => host.changes)]).toEqual([0, []]);
    const app1 = report.hosts.find(({ name }) => name === 'app1');
    expect([app1?.ssh.connections, app1?.ssh.execs]).toEqual([1, 1]);
  };

  it(
    'gets Docker, with forwarding on by file before dockerd starts: FORWARD stays open; a network for each NIC',
    async () => {
      expect(await on('command -v dockerd || echo none')).toBe('none');
      expect(await changed()).toEqual(
        expect.arrayContaining([
          'saved package:docker.io: installed',
          'live service:docker: running',
          'live docker-network:eip_a: subnet',
        ]),
      );
      expect(await on('iptables -S FORWARD | head -n 1')).toBe('-P FORWARD ACCEPT');
      await on(DOCKER_COMMAND);
      const shown = "docker network inspect eip_b --format '{{json .IPAM.Config}} {{json .Options}}'";
      expect(await on(shown)).toBe(
        `[{"Subnet":"172.20.0.0/24","Gateway":"172.20.0.1"}] {"com.docker.network.bridge.name":"eip_b","com.docker.network.host_ipv4":"${B.address}"}`,
      );
      await expectInSync();
    },
    5 * MINUTES,
  );

  it(
    'an image that is not there, and that no registry has, is an error before anything is changed',
    async () => {
      const image = '127.0.0.1:5000/eip:latest';
      write(entries({ image }));
      const state = await on(`${DOCKER_STATE}; ${SNAPSHOT}`);
      const expectRefused = async (): Promise<void> => {
        const run = await lab.run();
        expect([run.code, statusOf(run.report, 'app1')]).toEqual([2, 'reverted']);
        expect(run.stderr).toContain(`image ${image} is not there, and cannot be pulled`);
      };
      await expectRefused();
      // By Docker's socket alone, as on a host without the command.
      await on('mv /usr/bin/docker /root/docker');
      await expectRefused();
      await on('mv /root/docker /usr/bin/docker');
      expect(await on(`${DOCKER_STATE}; ${SNAPSHOT}`)).toBe(state);
    },
    4 * MINUTES,
  );

  it(
    'a thousand requests to each EIP at the same time show that EIP, with no wrong source; a second run changes nothing',
    async () => {
      await on(IMPORT_IMAGE);
      write(entries());
      const run = await lab.run();
      expect([run.code, run.stderr]).toEqual([0, expect.anything()]);
      const checks = run.report.hosts.flatMap((host) => host.checks);
      expect(
        checks.filter(({ from }) => from !== 'app1').map(({ from, got, status }) => [from, got, status]),
      ).toEqual([
        ['app1/web-a', A.eip, 'pass'],
        ['app1/web-b', B.eip, 'pass'],
        ['outside1', 'open', 'pass'],
        ['outside1', 'open', 'pass'],
      ]);
      await lab.wrongSince();
      await expectWhole(1000);
      await expectInSync();
    },
    5 * MINUTES,
  );

  it(
    'control: without the rule for its network, and the guard, a container leaves by the wrong NIC, and the cloud counts it',
    async () => {
      await on(
        'while ip rule del from 172.20.0.0/24 2>/dev/null; do :; done; nft delete table ip provision_egress',
      );
      const seen = await lab.requests('outside1', 10, EIP_URLS);
      expect(seen[EIP_URLS[1] ?? '']).not.toHaveProperty(`${WEB_B.ip} ${B.eip}`);
      expect(await lab.wrongSince()).toBeGreaterThan(0);
      await changed();
      await lab.wrongSince();
      await expectWhole();
    },
    2 * MINUTES,
  );

  const byHand = (app: DockerApp, more: string): string =>
    `docker rm -f ${app.name}; docker run -d --name ${app.name} --network eip_${app.name.slice(-1)} --restart always ${more}`;
  const fieldsOf = (name: string, ...fields: string[]): string[] =>
    fields.map((field) => `live docker-container:${name}: ${field}`);
  const TOKEN = `-e TOKEN='${SECRET}'`;
  it.each([
    [
      'one stopped, one removed',
      'docker stop -t 1 web-a; docker rm -f web-b',
      [...fieldsOf('web-a', 'state'), ...fieldsOf('web-b', 'address', 'image', 'publish')],
      ['container web-a is exited (', 'container web-b is missing'],
    ],
    [
      'made anew by hand, one with another address, one at another port',
      `${byHand(WEB_A, `--ip 172.19.0.7 ${TOKEN} -p ${A.address}:${PORT}:8080 eip:latest`)}
       ${byHand(WEB_B, `--ip ${WEB_B.ip} -p ${B.address}:8099:8080 eip:latest`)}`,
      [...fieldsOf('web-a', 'address'), ...fieldsOf('web-b', 'publish')],
      [
        'container web-a: address is 172.19.0.7, should be 172.19.0.100',
        `lacks ${B.address}:${PORT}->8080/tcp, ${B.address}:8099->8080/tcp is not declared`,
      ],
    ],
    [
      'made anew by hand, one with another value, one with another command and in one network more',
      `${byHand(WEB_A, `--ip ${WEB_A.ip} -e TOKEN=other-s3cret -p ${A.address}:${PORT}:8080 eip:latest`)}
       ${byHand(WEB_B, `--ip ${WEB_B.ip} -p ${B.address}:${PORT}:8080 eip:latest ${APP_COMMAND.join(' ')} 0.0.0.0`)}
       docker network connect eip_a web-b`,
      [...fieldsOf('web-a', 'environment'), ...fieldsOf('web-b', 'command', 'networks')],
      [
        'container web-a: environment: TOKEN has another value (•••)',
        "0.0.0.0, should be the image's own",
        'container web-b: networks: eip_a is not declared',
      ],
    ],
    [
      'another restart policy; Docker stopped and disabled',
      'docker update --restart no web-a; systemctl -q disable --now docker.service docker.socket',
      [
        ...fieldsOf('web-a', 'state'),
        ...fieldsOf('web-b', 'state'),
        'live service:docker: running',
        'saved service:docker: enabled',
      ],
      ['container web-a is down with Docker, should be running', 'service docker is not running'],
    ],
  ])(
    'drift: %s: named and corrected',
    async (_what, script, fields, sentences) => {
      await on(script);
      const run = await lab.run();
      if (run.code !== 0) throw new Error(`ended ${run.code}:\n${run.stdout}${run.stderr}`);
      for (const sentence of sentences) expect(run.stdout).toContain(sentence);
      expect(changesOf(run.report, 'app1')).toEqual(fields);
      expect(`${run.stdout}${run.stderr}${JSON.stringify(run.report)}`).not.toMatch(/s3cret|tr0ub4dor/);
      await expectWhole();
      await expectInSync();
      expect(await on('docker ps -a --format {{.Names}} | sort | xargs')).toBe('web-a web-b');
    },
    2 * MINUTES,
  );

  it(
    'looking at a Docker that is down does not start it, though systemd holds its socket open',
    async () => {
      await on('systemctl stop docker.service 2>/dev/null');
      const check = await lab.run('--check');
      expect([check.stdout, check.stderr]).toEqual([
        expect.stringContaining('container web-a is down with Docker'),
        expect.stringContaining('Docker is down: its networks and containers are taken to be as declared'),
      ]);
      expect(await on('systemctl is-active docker.service docker.socket | xargs')).toBe('inactive active');
      // Control: the socket does start it.
      await on('curl -s --unix-socket /run/docker.sock http://docker/_ping');
      expect(await on('systemctl is-active docker.service')).toBe('active');
      await expectInSync();
    },
    2 * MINUTES,
  );

  it(
    'a changed network is made anew only with --allow-destroy, which names everybody; they come back with their addresses',
    async () => {
      await on(`docker run -d --name other --network eip_a --network-alias friend --ip 172.19.0.50 eip:latest
        docker run -d --name stopped --network eip_a --ip 172.19.0.51 eip:latest; docker stop -t 1 stopped`);
      write(entries({}, {}, { 'com.docker.network.driver.mtu': 1400 }));
      const state = await on(DOCKER_STATE);
      const refused = await lab.run();
      expect([refused.code, refused.report.hosts[0]?.error?.code]).toEqual([2, 'destroys']);
      expect(await on(DOCKER_STATE)).toBe(state);
      // One that Docker cannot make is taken back with everybody, their addresses and their names.
      write(entries({}, {}, { 'com.docker.network.driver.mtu': 'wide' }));
      const failed = await lab.run('--allow-destroy');
      expect([failed.code, statusOf(failed.report, 'app1')]).toEqual([2, 'reverted']);
      const ends = (name: string): Promise<string> =>
        on(
          `docker inspect ${name} --format '{{with .NetworkSettings.Networks.eip_a}}{{.IPAMConfig.IPv4Address}} {{range .Aliases}}{{.}} {{end}}{{end}}'`,
        );
      // Docker before 25 also gives its own short id.
      expect(await ends('other')).toMatch(/^172\.19\.0\.50 friend\b/);
      expect(await ends('stopped')).toMatch(/^172\.19\.0\.51\b/);
      write(entries({}, {}, { 'com.docker.network.driver.mtu': 1400 }));
      const named =
        'Docker network eip_a is made anew, which detaches other (172.19.0.50), not declared here; stopped (172.19.0.51), not declared here; web-a (172.19.0.100)';
      expect(refused.stderr).toContain(named);
      expect(refused.stderr).toContain('--allow-destroy');
      const checked = await lab.run('--check');
      expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining(named)]);
      expect(await changed('--allow-destroy')).toEqual(['live docker-network:eip_a: options']);
      await on('docker start stopped');
      expect(await ends('other')).toMatch(/^172\.19\.0\.50 friend\b/);
      expect(await ends('stopped')).toMatch(/^172\.19\.0\.51\b/);
      await expectWhole();
      await expectInSync();
      // The way back of a confirmed run does the same.
      expect((await rollback()).code).toBe(0);
      expect(await on("docker network inspect eip_a --format '{{json .Options}}'")).not.toContain('mtu');
      expect(await ends('other')).toMatch(/^172\.19\.0\.50 friend\b/);
      await expectWhole();
      await on('docker rm -f other stopped');
      write(entries());
      await expectInSync();
    },
    4 * MINUTES,
  );

  it(
    'a container that cannot be replaced is back with all it wrote; one that can keeps its address',
    async () => {
      await on("docker exec web-a /usr/bin/perl -e 'open(my $f, q(>), q(/written)); print $f q(by the app)'");
      const state = await on(DOCKER_STATE);
      // Its address is taken by somebody: the new one is made, the old one stopped, and then it cannot start.
      await on('docker run -d --name squatter --network eip_a --ip 172.19.0.101 eip:latest');
      write(entries({ ip: '172.19.0.101' }));
      const failed = await lab.run();
      expect([failed.code, statusOf(failed.report, 'app1')]).toEqual([2, 'reverted']);
      expect(failed.stderr).toContain('Address already in use');
      await on('docker rm -f squatter');
      expect(await on(DOCKER_STATE)).toBe(state);
      expect(await on('docker exec web-a /usr/bin/perl -pe1 /written')).toBe('by the app');
      await expectWhole();
      // Nothing of the value is seen while it is made either.
      write(entries({ environment: { TOKEN: 'n3w-s3cret' } }));
      await on(
        `nohup sh -c 'while sleep 0.02; do ps axww -o args; done > /run/seen' >/dev/null 2>&1 & echo $! > /run/watcher`,
      );
      const run = await lab.run('-vvv', '--diff');
      await on('kill "$(cat /run/watcher)"');
      expect([run.code, changesOf(run.report, 'app1')]).toEqual([
        0,
        ['live docker-container:web-a: environment'],
      ]);
      expect(await on('grep -c curl /run/seen')).not.toBe('0');
      expect(await on('grep -c n3w-s3cret /run/seen; true')).toBe('0');
      expect(`${run.stdout}${run.stderr}${JSON.stringify(run.report)}`).not.toContain('n3w-s3cret');
      expect(await on("docker exec web-a /usr/bin/perl -e 'print $ENV{TOKEN}'")).toBe('n3w-s3cret');
      await expectWhole();
      write(entries());
      await changed();
    },
    4 * MINUTES,
  );

  it(
    'somebody else’s container of that name is replaced only with --allow-destroy',
    async () => {
      const name = 'theirs';
      await on(`docker run -d --rm --name ${name} eip:latest`);
      const theirs = [
        ...entries(),
        {
          name,
          nic: A.nic,
          network: entries()[0]?.network ?? {},
          containers: [{ name, ip: '172.19.0.60', image: 'eip:latest' }],
        },
      ];
      write(theirs);
      const refused = await lab.run();
      expect([refused.code, refused.report.hosts[0]?.error?.code]).toEqual([2, 'destroys']);
      expect(refused.stderr).toContain(
        `container ${name}, which provision did not make and which is not as declared`,
      );
      // The same network, by its name before and after Docker 26.
      expect(await on(`docker inspect ${name} --format '{{.HostConfig.NetworkMode}}'`)).toMatch(
        /^(default|bridge)$/,
      );
      expect((await changed('--allow-destroy')).length).toBeGreaterThan(0);
      // Ours by now: that nobody declares it any more is told.
      write(entries());
      expect((await lab.run('--check')).stderr).toContain(
        `container ${name}, which provision made, is not declared any more: docker rm -f ${name}`,
      );
      expect((await rollback()).code).toBe(0);
      expect(
        await on(`docker inspect ${name} --format '{{.HostConfig.NetworkMode}} {{.State.Running}}'`),
      ).toMatch(/^(default|bridge) true$/);
      await on(`docker rm -f ${name}`);
      write(entries());
      await expectInSync();
    },
    3 * MINUTES,
  );

  it(
    'names that somebody else’s ids begin with are names: nothing of his is touched',
    async () => {
      const ids = await on('docker run -d --name innocent eip:latest; docker network create quiet');
      const [container = '', network = ''] = ids.split('\n').map((id) => id.slice(0, 6));
      const entry = {
        name: 'hex',
        nic: A.nic,
        network: { name: network, subnet: '172.21.0.0/24' },
        containers: [{ name: container, ip: '172.21.0.100', image: 'eip:latest' }],
      };
      write([...entries(), entry]);
      const made = await lab.run();
      if (made.code !== 0) throw new Error(`ended ${made.code}:\n${made.stdout}${made.stderr}`);
      await expectInSync();
      expect(await on(`docker ps --format '{{.Names}}' | sort | xargs`)).toBe(
        ['innocent', 'web-a', 'web-b', container].toSorted().join(' '),
      );
      write([
        ...entries(),
        { ...entry, containers: [{ ...entry.containers[0], ip: '172.21.0.101' }] } as DockerEntry,
      ]);
      expect(await changed()).toEqual([`live docker-container:${container}: address`]);
      expect([(await rollback()).code, (await rollback('--run', made.report.runId)).code]).toEqual([0, 0]);
      expect(
        await on(
          'docker inspect innocent --format {{.State.Running}}; docker network ls -q -f name=quiet | wc -l',
        ),
      ).toBe('true\n1');
      await on('docker rm -f innocent; docker network rm quiet');
      write(entries());
      await expectInSync();
    },
    4 * MINUTES,
  );

  it(
    'taken away, nothing of it is left, and Docker stays while somebody else needs it; taken back, all of it answers again',
    async () => {
      await on('docker run -d --name bystander eip:latest');
      write(entries(), '          app_host: { state: absent }\n');
      const absent = await lab.run();
      expect([absent.code, absent.stderr]).toEqual([0, expect.anything()]);
      expect(
        await on('docker ps -a --format {{.Names}}; docker network ls -q -f driver=bridge | wc -l'),
      ).toBe('bystander\n1');
      // Files and rules of ours, as any tool sees them; packages stay, with what their installation brought.
      const ours = (text: string): string[] =>
        text.split('\n').filter((line) => /provision|eip_[ab]|lookup 52/.test(line));
      expect(ours(await on(SNAPSHOT))).toEqual(ours(before));
      await on('docker rm -f bystander');
      expect(await changed()).toEqual(['live service:docker: running', 'saved service:docker: enabled']);
      expect(await changed()).toEqual([]);
      expect((await rollback('--run', absent.report.runId)).code).toBe(0);
      await expectWhole();
      write(entries());
      await expectInSync();
    },
    4 * MINUTES,
  );

  it('the journal of the host holds no value of an environment', async () => {
    expect(await on('grep -c changes /var/lib/provision/journal')).not.toBe('0');
    expect(await on('grep -cE "s3cret|tr0ub4dor" /var/lib/provision/journal; true')).toBe('0');
    // What does hold it is root's alone, as Docker's own files are.
    expect(await on("stat -c '%a %U' /var/lib/provision")).toBe('700 root');
  });
});
