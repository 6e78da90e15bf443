import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appHostLab, EIP_URLS, NICS, PORT } from '../lab/app-host-lab.ts';
import type { AppHostLab } from '../lab/app-host-lab.ts';
import { IMPORT_IMAGE, withEntries } from '../lab/docker-apps.ts';
import type { DockerEntry } from '../lab/docker-apps.ts';
import { endOf, startProvision, statusOf } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;

const entries = (ip = '172.19.0.100', options = {}): DockerEntry[] => [
  {
    name: 'web-a',
    nic: NICS[0].nic,
    network: { name: 'net_a', subnet: '172.19.0.0/24', bridge: 'br-a' },
    containers: [{ name: 'web-a', image: 'eip:latest', ip, publish: [`${PORT}:8080`] }],
  },
  {
    name: 'web-b',
    nic: NICS[1].nic,
    network: { name: 'net_b', subnet: '172.20.0.0/24', bridge: 'br-b', options },
    containers: [{ name: 'web-b', image: 'eip:latest', ip: '172.20.0.100', publish: [`${PORT}:8080`] }],
  },
];
/** A container with another address, and a network with another option. */
const OTHERS = entries('172.19.0.101', { 'com.docker.network.driver.mtu': 1400 });

/** The role, with more roles and checks beside it. */
const PLAYBOOK = (more: string): string => `
import { appHost, command, defineRole, play, playbook } from 'provision';
import type { CheckSpec, Role } from 'provision';
const more: { roles?: Role[]; checks?: CheckSpec[] } = ${more};
export default playbook('more', [play({ hosts: 'app-host', roles: [appHost(), ...(more.roles ?? [])], checks: more.checks ?? [] })]);
`;
const SLOW_CHECK = PLAYBOOK(`{ checks: [() => [{
  name: 'slow', from: 'app1', kind: 'slow', to: 'itself', expect: 'yes', when: 'change', onFail: 'warn', retries: 0, timeout: 60,
  script: 'sleep 50; echo yes', read: (output) => output.trim(),
}]] }`);
const INSIDE = 'docker network create inside; docker run -d --name guest --network inside eip:latest';
const FAILS_LATE = PLAYBOOK(`{ roles: [defineRole('late', () => ({
  resources: [command({ name: 'late', check: 'false', run: ${JSON.stringify(`${INSIDE}; exit 1`)}, undo: ':' })],
}))()] }`);

/** Containers and networks that count as the same: by id, with address, and what the app has written. */
const STATE = `
docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}' | sort
docker inspect web-a web-b --format '{{.Name}} {{.HostConfig.RestartPolicy.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
docker network inspect net_a net_b --format '{{.Name}} {{json .Options}}'
docker exec web-a /usr/bin/perl -pe1 /written`;

labSupport('containers in a transaction that is not confirmed', () => {
  let lab: AppHostLab;
  const write = (list: readonly DockerEntry[]): void => lab.edit('hosts.yml', withEntries(list));
  const on = (script: string): Promise<string> => lab.on('app1', script).then((text) => text.trim());
  const until = async (script: string, seconds = 60): Promise<void> => {
    for (let tries = 0; (await on(`${script} && echo yes || echo no`)) !== 'yes'; tries += 1) {
      if (tries > seconds * 4) throw new Error(`app1 never came to: ${script}`);
      await sleep(250);
    }
  };
  beforeAll(async () => {
    lab = await appHostLab(({ edit }) =>
      edit('hosts.yml', (text) =>
        withEntries(entries())(text).replace(/^( {10})nics:/m, '$1lab: { image: full }\n$1nics:'),
      ),
    );
    await on(IMPORT_IMAGE);
    const run = await lab.run();
    if (run.code !== 0) throw new Error(`${run.stdout}${run.stderr}`);
    await on("docker exec web-a /usr/bin/perl -e 'open(my $f, q(>), q(/written)); print $f q(by the app)'");
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const expectWhole = async (): Promise<void> => {
    expect(await lab.requests('outside1', 10, EIP_URLS)).toEqual({
      [EIP_URLS[0] ?? '']: { [`172.19.0.100 ${NICS[0].eip}`]: 10 },
      [EIP_URLS[1] ?? '']: { [`172.20.0.100 ${NICS[1].eip}`]: 10 },
    });
    write(entries());
    const { code, report } = await lab.run();
    expect([code, report.hosts.flatMap((host) => host.changes)]).toEqual([0, []]);
  };

  it(
    'a later step fails: both are back, the container the same one with what it wrote; what others made meanwhile stays',
    async () => {
      const before = await on(STATE);
      write(OTHERS);
      const run = await lab.runPlaybook(lab.playbook('late', FAILS_LATE), '--allow-destroy');
      if (run.code !== 2) throw new Error(`ended ${run.code}: ${run.stderr}`);
      expect(statusOf(run.report, 'app1')).toBe('reverted');
      // Control: both had been made.
      expect(run.stderr).toMatch(/done docker-network:net_b\n(?:.*\n)*.*done docker-container:web-a/);
      expect(await on('docker inspect guest --format {{.State.Running}}')).toBe('true');
      await on('docker rm -f guest; docker network rm inside');
      expect(await on(STATE)).toBe(before);
      await expectWhole();
    },
    4 * MINUTES,
  );

  it(
    'a reboot in the window: Docker comes up with what was changed, and then all is as it was',
    async () => {
      const before = await on(STATE);
      write(OTHERS);
      const slow = lab.playbook('slow', SLOW_CHECK);
      const run = startProvision(slow, '-i', lab.inventory, '--allow-destroy', '--confirm-timeout', '120');
      const ended = endOf(run);
      await until('grep -qs "applied$" "$(dirname /var/lib/provision/txn/*/pending)/log"', 120);
      // Control: both are changed, and the old container is kept.
      expect(await on("docker ps -a --format '{{.Names}}' | sort | xargs")).toMatch(
        /^web-a web-a\.provision-[0-9a-f]{12} web-b$/,
      );
      expect(await on("docker network inspect net_b --format '{{json .Options}}'")).toContain('1400');
      run.kill('SIGKILL');
      await ended;
      await lab.reboot('app1');
      await until('! ls /var/lib/provision/txn/*/pending >/dev/null 2>&1');
      await until(
        'systemctl -q is-active docker && ! systemctl -q is-active provision-docker-back.service && [ ! -e /run/provision/docker-back.sh ]',
        120,
      );
      expect(await on(STATE)).toBe(before);
      await expectWhole();
    },
    6 * MINUTES,
  );
});
