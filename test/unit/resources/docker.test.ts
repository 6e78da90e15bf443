import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { ProbeOutput, Resource, ResourceChange, Surroundings } from '../../../src/model/resource.ts';
import { dockerContainer, dockerImage, dockerNetwork, toBaseline } from '../../../src/resources/index.ts';
import { captured, describeResource, facts, stepsOf } from './conformance.ts';

/** What the captures were read with: they hold two networks, two containers, one image. */
const reads = { networks: ['eip_a', 'eip_b'], containers: ['web-a', 'web-b'], images: ['eip:latest'] };
const capture = (name: string): ProbeOutput => captured(`debian-12-docker-20.10-things-${name}`);

const definition = (name: string, subnet: string, options: Record<string, string>): string =>
  JSON.stringify({
    Name: name,
    Driver: 'bridge',
    IPAM: { Config: [{ Subnet: `${subnet}.0/24`, Gateway: `${subnet}.1` }] },
    Options: { 'com.docker.network.bridge.name': name, ...options },
    Labels: { 'provision.name': name },
  });
const network = (options: Record<string, string> = {}): Resource =>
  dockerNetwork({
    name: 'eip_a',
    definition: definition('eip_a', '172.19.0', {
      'com.docker.network.host_ipv4': '172.31.0.8',
      ...options,
    }),
    reads,
  });

const SECRET = `it's a $secret "x"`;
const webA = (over: Partial<Parameters<typeof dockerContainer>[0]> = {}): Resource =>
  dockerContainer({
    name: 'web-a',
    image: 'eip:latest',
    network: 'eip_a',
    address: '172.19.0.100',
    publish: [{ address: '172.31.0.8', port: 8090, to: 8080, protocol: 'tcp' }],
    environment: { GREETING: SECRET },
    restart: 'always',
    reads,
    ...over,
  });
const webB = (): Resource =>
  webA({
    name: 'web-b',
    network: 'eip_b',
    address: '172.20.0.100',
    publish: [{ address: '172.31.0.14', port: 8090, to: 8080, protocol: 'tcp' }],
    environment: {},
  });

const plan = (resource: Resource, output: ProbeOutput, around?: Surroundings): ResourceChange => {
  const change = resource.plan(output, facts, around);
  if (!change) throw new Error('nothing was planned');
  return change;
};
const sentences = (resource: Resource, output: ProbeOutput): string[] =>
  plan(resource, output).changes.map(({ sentence }) => sentence);

/** The capture with a piece of it replaced, once at least. */
function edited(output: ProbeOutput, from: string | RegExp, to: string): ProbeOutput {
  const stdout = output.stdout.replaceAll(from, to);
  if (stdout === output.stdout) throw new Error(`the capture holds no ${String(from)}`);
  return { ...output, stdout };
}

describeResource('docker-network', {
  resource: network(),
  matching: capture('running'),
  absent: capture('none'),
  different: edited(capture('running'), '"com.docker.network.host_ipv4":"172.31.0.8"', '"x":"y"'),
  differs: ['live.options'],
  hostile: (text) =>
    dockerNetwork({ name: text, definition: JSON.stringify({ Name: text, Options: { [text]: text } }) }),
});

describeResource('docker-container', {
  resource: webB(),
  matching: capture('running'),
  absent: capture('none'),
  different: capture('drifted'),
  differs: ['live.command', 'live.environment', 'live.address', 'live.publish', 'live.restart'],
  hostile: (text) =>
    dockerContainer({
      name: text,
      image: text,
      network: text,
      address: text,
      publish: [],
      environment: { [text]: text },
      restart: text,
      command: [text],
    }),
});

describeResource('docker-image', {
  resource: dockerImage({ name: 'eip:latest', reads }),
  matching: capture('running'),
  absent: edited(capture('running'), /\{"Id":"sha256:6fee.*\n\n@ 200/g, '{"message":"no such image"}\n@ 404'),
  different: edited(
    capture('running'),
    /\{"Id":"sha256:6fee.*\n\n@ 200/g,
    '{"message":"no such image"}\n@ 404',
  ),
  differs: ['saved.present'],
  hostile: (text) => dockerImage({ name: text }),
});

describe('a Docker network', () => {
  it('made by hand without a gateway has the first address of its subnet, as Docker takes it', () => {
    const byHand = edited(capture('running'), ',"Gateway":"172.19.0.1"}', '}');
    expect(network().plan(byHand, facts)).toBeNull();
    const other = edited(capture('running'), '"Gateway":"172.19.0.1"}]', '"Gateway":"172.19.0.254"}]');
    expect(sentences(network(), other)).toEqual([
      'Docker network eip_a: gateway is 172.19.0.254, should be 172.19.0.1',
    ]);
  });

  it('may have what Docker adds by itself, and no other option', () => {
    const mark = '"com.docker.network.host_ipv4":"172.31.0.8"';
    const dockers = edited(capture('running'), mark, `${mark},"com.docker.network.enable_ipv6":"false"`);
    expect(network().plan(dockers, facts)).toBeNull();
    const more = edited(capture('running'), mark, `${mark},"com.docker.network.bridge.enable_icc":"false"`);
    expect(sentences(network(), more)).toEqual([
      'Docker network eip_a has com.docker.network.bridge.enable_icc=false, which is not declared',
    ]);
  });

  it('made anew names everybody it detaches, those of others too', () => {
    const change = plan(network({ 'com.docker.network.driver.mtu': '1400' }), capture('drifted'), {
      others: [{ kind: 'docker-container', props: { name: 'web-a' } }],
      taken: true,
    });
    expect(change.changes.map(({ sentence }) => sentence)).toEqual([
      'Docker network eip_a lacks com.docker.network.driver.mtu=1400',
    ]);
    expect(change.destroys).toBe(
      'Docker network eip_a is made anew, which detaches foreign (172.19.0.2), not declared here; web-a (172.19.0.100)',
    );
    const [script = ''] = change.apply.steps;
    expect(script.indexOf('docker_api DELETE')).toBeLessThan(script.indexOf('/networks/create'));
    // Fixed addresses first, and the dynamic one has none to ask for.
    expect(script).toMatch(
      /"Name":"\/web-a"'\)" \]; then put_on '\{"Container":"web-a",.*"IPv4Address":"172\.19\.0\.100"\},' .*\n.*put_on '\{"Container":"foreign","EndpointConfig":\{'/,
    );
    // The way back makes it as it was.
    expect(change.revert.steps[0]).not.toContain('driver.mtu');
    expect(change.revert.steps[0]).toMatch(/put_on '\{"Container":"web-a"/);
  });

  it('with nobody in it is made anew without being asked for', () => {
    const alone = edited(capture('drifted'), /"Networks":\{"eip_[ab]"/g, '"Networks":{"other"');
    expect(plan(network({ a: 'b' }), alone).destroys).toBeUndefined();
  });

  it('that provision did not make is made anew only where it was taken over', () => {
    const theirs = edited(capture('running'), '"provision.name":"eip_a"', '"made.by":"hand"');
    const alone = edited(theirs, /"Networks":\{"eip_[ab]"/g, '"Networks":{"other"');
    expect(network().plan(theirs, facts)).toBeNull();
    expect(plan(network({ a: 'b' }), alone).destroys).toBe(
      'Docker network eip_a, which provision did not make, is made anew',
    );
    expect(plan(network({ a: 'b' }), alone, { taken: true }).destroys).toBeUndefined();
  });

  it('and a container that provision made and nobody declares any more are told, with what to type', () => {
    expect(network().warnings?.(capture('running'))).toEqual([]);
    const fewer = dockerNetwork({
      name: 'eip_a',
      definition: definition('eip_a', '172.19.0', { 'com.docker.network.host_ipv4': '172.31.0.8' }),
      reads: { networks: ['eip_a', 'other'], containers: ['web-b', 'web-c'], images: ['eip:latest'] },
    });
    expect(fewer.warnings?.(capture('running'))).toEqual([
      'container web-a, which provision made, is not declared any more: docker rm -f web-a',
      'Docker network eip_b, which provision made, is not declared any more: docker network rm eip_b',
    ]);
    // Somebody else's is nobody's business, and neither is one that a change has just set aside.
    const theirs = edited(capture('running'), /"provision.name"/g, '"some.label"');
    expect(fewer.warnings?.(theirs)).toEqual([]);
    const aside = edited(capture('running'), '"/web-a"', '"/web-a.provision-0123456789ab"');
    expect(fewer.warnings?.(aside)).toHaveLength(1);
  });

  it('that overlaps another one of the host is refused by name, before anything is changed', () => {
    const clash = dockerNetwork({
      name: 'eip_c',
      definition: definition('eip_c', '172.20.0', {}),
      reads: { ...reads, networks: ['eip_a', 'eip_b'] },
    });
    expect(() => clash.plan(capture('running'), facts)).toThrow(
      'the subnet 172.20.0.0/24 of eip_c overlaps that of its Docker network eip_b (172.20.0.0/24)',
    );
  });

  it('whose definition is no JSON of that name is refused', () => {
    for (const text of ['{', '[]', '{"Name":"other"}'])
      expect(() => dockerNetwork({ name: 'n1', definition: text }).plan(capture('none'), facts)).toThrow(
        'no JSON',
      );
  });
});

describe('a container', () => {
  it('that matches is left alone, whatever the image brings', () => {
    expect(webA().plan(capture('running'), facts)).toBeNull();
    expect(
      webA({ environment: { GREETING: SECRET, IMAGE_SAYS: 'hello' } }).plan(capture('running'), facts),
    ).toBeNull();
    expect(
      webA({ command: ['/usr/bin/perl', '/app.pl', '8080'] }).plan(capture('running'), facts),
    ).toBeNull();
  });

  it('says what differs', () => {
    expect(sentences(webB(), capture('drifted'))).toEqual([
      "container web-b: command is /usr/bin/perl /app.pl 8080 by hand, should be the image's own",
      'container web-b: environment: GREETING is not declared',
      'container web-b: address is 172.20.0.7, should be 172.20.0.100',
      'container web-b: publish: lacks 172.31.0.14:8090->8080/tcp, 172.31.0.14:8091->8080/tcp is not declared',
      'container web-b: restart is unless-stopped, should be always',
    ]);
    expect(sentences(webA(), capture('drifted'))).toEqual([
      'container web-a is exited (0), should be running',
    ]);
    const rebuilt = edited(capture('running'), '"Id":"sha256:6fee', '"Id":"sha256:1111');
    expect(sentences(webA(), rebuilt)).toEqual([
      'container web-a: image is eip:latest (6fee26be700e), should be eip:latest',
    ]);
  });

  it('keeps the values of its environment out of sentences, states and arguments', () => {
    const change = plan(
      webA({ environment: { GREETING: 'another-secret', MORE: 's3cret' } }),
      capture('running'),
    );
    expect(change.changes.map(({ sentence }) => sentence)).toEqual([
      'container web-a: environment: lacks MORE, GREETING has another value (•••)',
    ]);
    expect(JSON.stringify(change.changes)).not.toMatch(/another-secret|s3cret|\$secret/);
    expect(JSON.stringify([change.text, change.destroys])).not.toMatch(/another-secret|s3cret/);
    // Control: it is in the body, which goes by standard input.
    expect(change.apply.steps.join()).toContain('another-secret');
    for (const line of change.apply.steps
      .join('\n')
      .split('\n')
      .filter((text) => text.includes('another-secret')))
      expect(line).toMatch(/^docker_api POST \S+ '/);
  });

  it('that only stands still is started, with no replacement; the way back stops it', () => {
    const change = plan(webA(), capture('drifted'));
    expect([change.apply.settled, change.apply.steps.join().includes('/containers/create')]).toEqual([
      undefined,
      false,
    ]);
    expect(change.apply.steps[0]?.trimEnd()).toMatch(/run_it "\$one"$/);
    expect(change.revert.steps[0]?.trimEnd()).toMatch(/\/stop"$/);
  });

  it('is replaced beside the old one, which the way back takes by its id', () => {
    const change = plan(webB(), capture('drifted'));
    const [script = ''] = change.apply.steps;
    expect(script.indexOf('/containers/create')).toBeLessThan(script.indexOf('|| set_aside'));
    const [back = ''] = change.revert.steps;
    expect(back).toMatch(/one=\$\(docker_id '\/containers\/[0-9a-f]{64}\/json' '"Id":'\)/);
    // Where it is gone it is made once more, with what it was made with.
    expect(back).toContain('"GREETING=by-hand"');
    expect(change.apply.settled?.[0]).toContain('provision-');
  });

  it('of somebody else is replaced only where the name was taken over', () => {
    const fields = 'command, environment, address, publish, restart';
    expect(plan(webB(), capture('drifted')).destroys).toBe(
      `container web-b, which provision did not make and which is not as declared (${fields}), is replaced`,
    );
    expect(plan(webB(), capture('drifted'), { taken: true }).destroys).toBeUndefined();
    const ours = edited(capture('drifted'), '"GREETING=by-hand"', '"GREETING=by-hand","A=B"');
    expect(plan(webA(), ours).destroys).toBeUndefined();
  });

  it('goes back to its baseline with everything it was made with', () => {
    const before = webB().baseline(capture('drifted'), facts);
    if (!before) throw new Error('no baseline');
    const back = toBaseline(webB()).plan(capture('running'), facts, { baseline: before });
    expect(back?.apply.steps[0]).toContain('"GREETING=by-hand"');
    const never = webB().baseline(capture('none'), facts);
    const gone = toBaseline(webB()).plan(capture('running'), facts, { baseline: never });
    expect(gone?.changes[0]?.action).toBe('delete');
    expect(gone?.apply.steps[0]).not.toContain('/containers/create');
  });
});

describe('a name that could be the beginning of an id', () => {
  /** What `docker_id` says when Docker answers a question for something with a thing that has this name. */
  const found = (kind: 'container' | 'network', name: string): string => {
    const change =
      kind === 'container'
        ? plan(webA({ name: 'fe' }), capture('none'))
        : plan(dockerNetwork({ name: 'fe', definition: JSON.stringify({ Name: 'fe' }) }), {
            stdout: '[]\n@ 200\n[]\n@ 200\n',
            code: 0,
          });
    const script = change.apply.steps.join('\n');
    const [functions = ''] = script.split(/^set_aside\(\)|^was=/m);
    const [, ask = ''] = /^(?:now|was)=(\$\(docker_id .*\))$/m.exec(script) ?? [];
    const id = 'f'.repeat(64);
    const answer =
      kind === 'container'
        ? `{"Id":"${id}","Name":"/${name}","Mounts":[{"Name":"fe"}]}`
        : `{"Name":"${name}","Id":"${id}","Containers":{"${id}":{"Name":"fe","EndpointID":""}}}`;
    const asked = `${functions}\ncurl() { printf '%s\\n200' '${answer}'; }\nprintf %s "${ask}"`;
    return execFileSync('dash', ['-ec', asked], { encoding: 'utf8' });
  };

  it('is not taken for one, whoever has it in his answer', () => {
    for (const kind of ['container', 'network'] as const) {
      expect(found(kind, 'fe')).toMatch(/^f{64}$/);
      expect(found(kind, 'somebody-else')).toBe('');
    }
  });

  it('nor in what was read, nor as an image', () => {
    const other = edited(capture('running'), '"Name":"/web-a"', '"Name":"/other"');
    expect(plan(webA(), other).changes[0]?.action).toBe('create');
    expect(dockerImage({ name: 'cafe' }).probe).toContain('/images/cafe%3Alatest/json');
    expect(plan(webA({ image: 'cafe' }), capture('none')).apply.steps.join()).toContain(
      '"Image":"cafe:latest"',
    );
  });
});

describe('after a reboot in the middle', () => {
  it('the way back waits for Docker, in order, and throws away what it does not need', () => {
    const root = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    const changes = [plan(webB(), capture('drifted')), plan(network({ a: 'b' }), capture('drifted'))];
    const atBoot = changes.flatMap(({ revert }) => revert.atBoot ?? []).join('\n');
    const asked = `systemd-run() { echo "unit: $*"; }\n${atBoot}`
      .replaceAll('systemd-run', 'systemd_run')
      .replaceAll('/run/provision', root);
    const printed = execFileSync('dash', ['-ec', asked], { encoding: 'utf8' });
    expect(printed).toMatch(
      /^unit: -q --no-block --collect --unit=provision-docker-back -p After=docker\.service .*\n$/,
    );
    const script = readFileSync(`${root}/docker-back.sh`, 'utf8');
    const at = (text: string): number => script.indexOf(text);
    expect(at('is-active docker.service')).toBeLessThan(at('set_aside "$now"'));
    expect(at('set_aside "$now"')).toBeLessThan(at('docker_api DELETE "/containers/$id?force=1"'));
    expect(at('docker_api DELETE "/containers/$id?force=1"')).toBeLessThan(
      at('docker_api POST /networks/create'),
    );
    expect(() => execFileSync('dash', ['-n', `${root}/docker-back.sh`])).not.toThrow();
  });
});

describe('Docker that is stopped', () => {
  const stopped = capture('stopped');

  it('has what is declared as far as anybody can see; its containers do not run', () => {
    expect(network().plan(stopped, facts)).toBeNull();
    expect(dockerImage({ name: 'eip:latest', reads }).plan(stopped, facts)).toBeNull();
    expect(sentences(webA(), stopped)).toEqual(['container web-a is down with Docker, should be running']);
    // The way back leaves the containers to Docker: stopped by name they would not come up with it again.
    expect(plan(webA(), stopped).revert.steps[0]).not.toContain('/stop');
    // One that is not there after all is an error on the way there, and none on the way back.
    expect(plan(webA(), stopped).apply.steps[0]).toContain('systemctl start docker');
    expect(plan(webA(), stopped).revert.steps[0]).toContain('[ -n "$one" ] || exit 0');
  });

  it('is said, and nobody takes what is declared for what was there', () => {
    expect(webA().warnings?.(stopped)).toEqual([expect.stringContaining('Docker is down')]);
    expect(network().warnings?.(capture('running'))).toEqual([]);
    for (const resource of [webA(), network()]) {
      expect(resource.baseline(stopped, facts)).toBeNull();
      const before = resource.baseline(capture('none'), facts);
      expect(toBaseline(resource).plan(stopped, facts, { baseline: before })).toBeNull();
      // Control: seen, it would go.
      expect(toBaseline(resource).plan(capture('running'), facts, { baseline: before })).not.toBeNull();
    }
  });

  it('is not started by looking: the socket is opened only while the service runs', () => {
    const bin = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    const probe = (network().probe as string).replace('/run/docker.pid', `${bin}/docker.pid`);
    expect(probe.indexOf('is-active docker.service')).toBeLessThan(probe.indexOf('--unix-socket'));
    const fake = `systemctl() { return 3; }; curl() { echo ASKED; }; docker() { echo ASKED; }; ${probe}`;
    expect(execFileSync('dash', ['-c', fake], { encoding: 'utf8', cwd: bin })).toMatch(
      /^@ (absent|stopped)\n$/,
    );
    const runs = fake.replace('return 3', 'return 0');
    expect(execFileSync('dash', ['-c', runs], { encoding: 'utf8', cwd: bin })).toContain('ASKED');
    // A process number of its own tells it without systemd, but only if that is a dockerd.
    writeFileSync(`${bin}/docker.pid`, String(process.pid));
    expect(execFileSync('dash', ['-c', fake], { encoding: 'utf8', cwd: bin })).toMatch(/^@ /);
    copyFileSync('/bin/sleep', `${bin}/dockerd`);
    chmodSync(`${bin}/dockerd`, 0o755);
    const running = spawn(`${bin}/dockerd`, ['60']);
    writeFileSync(`${bin}/docker.pid`, String(running.pid));
    expect(execFileSync('dash', ['-c', fake], { encoding: 'utf8', cwd: bin })).toContain('ASKED');
    running.kill();
  });
});

describe('what Docker answers', () => {
  it.each([
    ['an error', '{"message":"boom"}\n@ 500\n'],
    ['nothing, its socket closed', '\n@ 000\n'],
    ['no JSON', 'gateway timeout\n@ 200\n'],
    ['less than was asked', '[]\n@ 200\n'],
  ])('if it is %s is said, and nothing is taken for absent', (_what, stdout) => {
    expect(() => network().plan({ stdout, code: 0 }, facts)).toThrow(
      'Docker there does not answer as it should',
    );
  });

  it('by the docker command where curl is missing reads the same', () => {
    const lines = capture('running').stdout.split('\n').filter(Boolean);
    // docker inspect answers with lists of one, over many lines.
    const stdout = lines
      .map((line) => (line.startsWith('{') ? JSON.stringify([JSON.parse(line)], null, 4) : line))
      .join('\n');
    expect(webA().plan({ stdout, code: 0 }, facts)).toBeNull();
    expect(network().plan({ stdout, code: 0 }, facts)).toBeNull();
  });
});

it('docker-image: the parts of a reference reach the Engine’s API apart', () => {
  const pulled = (name: string): string =>
    stepsOf(plan(dockerImage({ name }), { stdout: '', code: 127 }).apply).join();
  expect(pulled('registry.example:5000/team/app')).toContain(
    'fromImage=registry.example%3A5000%2Fteam%2Fapp&tag=latest',
  );
  expect(pulled('app:1.2')).toContain('fromImage=app&tag=1.2');
  expect(pulled(`app@sha256:${'a'.repeat(64)}`)).toContain(`fromImage=app&tag=sha256%3A${'a'.repeat(64)}`);
});
