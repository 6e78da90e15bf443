import { describe, expect, it } from '@jest/globals';
import type { Baseline, ProbeOutput, Resource, ResourceChange } from '../../../src/model/resource.ts';
import {
  command,
  file,
  firewalldPolicy,
  firewalldZone,
  packageInstalled,
  service,
  sysctl,
  toBaseline,
} from '../../../src/resources/index.ts';
import { keepForeignRules } from '../../../src/resources/foreign-rules.ts';
import { captured, facts, stepsOf } from './conformance.ts';

/** What a host would send back of it later: through JSON, as it is kept. */
const kept = (resource: Resource, output: ProbeOutput): Baseline =>
  JSON.parse(JSON.stringify(resource.baseline(output, facts))) as Baseline;

const back = (resource: Resource, from: ProbeOutput, to: ProbeOutput): ResourceChange | null =>
  toBaseline(resource).plan(from, facts, { baseline: kept(resource, to) });

const out = (stdout: string): ProbeOutput => ({ stdout, code: 0 });

describe('a resource that returns to its baseline', () => {
  const motd = file({ path: '/etc/motd', content: 'ours\n' });
  const ours = out('0644 root root\nours\n');
  const theirs = out('0600 alice staff\ntheirs\n');

  it('keeps id, kind and probe: what is read is read once', () => {
    const { id, kind, probe } = toBaseline(motd);
    expect({ id, kind, probe }).toEqual({ id: motd.id, kind: motd.kind, probe: motd.probe });
  });

  it('without a baseline does nothing, whatever the host is like', () => {
    for (const output of [ours, theirs, out('absent\n')]) {
      expect(toBaseline(motd).plan(output, facts, { baseline: null })).toBeNull();
      expect(toBaseline(motd).plan(output, facts)).toBeNull();
    }
    // Control: the resource itself has something to do there.
    expect(motd.plan(theirs, facts)).not.toBeNull();
  });

  it('wants what was read before the first change, and can go back from there', () => {
    const change = back(motd, ours, theirs);
    expect(change?.changes.map(({ field, before, after }) => [field, before, after])).toEqual([
      // Not everybody may read theirs on the host: it is shown nowhere.
      ['content', '•••', '•••'],
      ['mode', '0644', '0600'],
      ['owner', 'root', 'alice'],
      ['group', 'root', 'staff'],
    ]);
    expect(change?.text).toEqual({ path: '/etc/motd', before: '•••', after: '•••', hidden: true });
    expect(stepsOf(change?.apply).join()).toContain(`'theirs\n'`);
    expect(stepsOf(change?.revert).join()).toContain(`'ours\n'`);
    expect(change?.baseline?.paths).toEqual(['/etc/motd']);
  });

  it('has nothing to do when the host is as it was', () => {
    expect(back(motd, theirs, theirs)).toBeNull();
  });

  it('a file that was not there goes away again', () => {
    expect(stepsOf(back(motd, ours, out('absent\n'))?.apply)).toEqual([`rm -f '/etc/motd'`]);
  });

  it('is not the same declaration as the resource itself: two roles that disagree are told', () => {
    expect(toBaseline(motd).declared).not.toBe(motd.declared);
    expect(toBaseline(motd).declared).toBe(toBaseline(motd).declared);
  });

  it('leaves no baseline of its own: what was never taken over is not taken over by going', () => {
    expect(toBaseline(motd).baseline(theirs, facts)).toBeNull();
  });
});

describe('kinds on their way back', () => {
  it('a package stays', () => {
    const firewalld = packageInstalled({ name: 'firewalld' });
    expect(back(firewalld, out('installed\n'), out('absent\n'))).toBeNull();
  });

  it('a service that was not there is stopped and disabled', () => {
    const firewalld = service({ name: 'firewalld', running: true, enabled: true });
    const change = back(
      firewalld,
      captured('debian-12-service-running'),
      captured('debian-12-service-not-found'),
    );
    expect(stepsOf(change?.apply)).toEqual([
      keepForeignRules({ script: `systemctl 'stop' -- 'firewalld.service'`, dockerAnswers: false }),
      `systemctl 'disable' -- 'firewalld.service'`,
    ]);
  });

  it('a command is undone where it had not been done', () => {
    const done = command({ name: 'x', check: 'false', run: 'do it', undo: 'undo it' });
    expect(stepsOf(back(done, out('0\n'), out('1\n'))?.apply)).toEqual(['undo it']);
    expect(back(done, out('0\n'), out('0\n'))).toBeNull();
  });
});

describe('sysctl on its way back', () => {
  const FORWARD = '/proc/sys/net/ipv4/ip_forward';
  const parameters = sysctl({
    name: 'gw',
    values: { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth0.send_redirects': 0 },
    content: 'net.ipv4.ip_forward = 1\n',
  });
  const conf = (name: string, value: number): string => `/proc/sys/net/ipv4/conf/${name}:${value}`;
  const read = (
    live: readonly (string | number)[],
    coupled: readonly string[],
    saved = 'absent\n',
  ): ProbeOutput => out([...live, ...coupled, '--', saved].join('\n'));
  const gateway = read(
    [1, 0],
    [conf('default/forwarding', 1), conf('eth0/forwarding', 1), conf('all/accept_redirects', 0)],
    'present\nnet.ipv4.ip_forward = 1\n',
  );

  it('forwarding goes off, the drop-in goes away, our other keys get their old values', () => {
    expect(stepsOf(back(parameters, gateway, read([0, 1], []))?.apply)).toEqual([
      `rm -f '/etc/sysctl.d/99-zz-provision-gw.conf'`,
      `printf '%s\\n' '0' > '${FORWARD}'`,
      `printf '%s\\n' '1' > '/proc/sys/net/ipv4/conf/eth0/send_redirects'`,
    ]);
  });

  const hardened = read(
    [0, 1],
    [
      conf('all/forwarding', 0),
      conf('default/forwarding', 0),
      conf('eth0/forwarding', 1),
      conf('eth0.7/forwarding', 1),
      conf('all/accept_redirects', 0),
    ],
  );
  const coupled = [
    `printf '%s\\n' '0' > '${FORWARD}'`,
    `[ ! -e '/proc/sys/net/ipv4/conf/all/accept_redirects' ] || printf '%s\\n' '0' > '/proc/sys/net/ipv4/conf/all/accept_redirects'`,
    `[ ! -e '/proc/sys/net/ipv4/conf/eth0/forwarding' ] || printf '%s\\n' '1' > '/proc/sys/net/ipv4/conf/eth0/forwarding'`,
    `[ ! -e '/proc/sys/net/ipv4/conf/eth0.7/forwarding' ] || printf '%s\\n' '1' > '/proc/sys/net/ipv4/conf/eth0.7/forwarding'`,
  ];

  it('what the kernel couples to ip_forward is put back after it, where it is not what the kernel makes of it', () => {
    const steps = stepsOf(back(parameters, gateway, hardened)?.apply);
    expect(steps.filter((step) => !/^rm|send_redirects/.test(step))).toEqual(coupled);
  });

  it('the same when a change is taken back', () => {
    const steps = stepsOf(parameters.plan(hardened, facts)?.revert);
    expect(steps.filter((step) => !/^rm|send_redirects/.test(step))).toEqual(coupled);
    // Going there, nobody declares it: the kernel's own couplings hold.
    expect(stepsOf(parameters.plan(hardened, facts)?.apply).join()).not.toMatch(
      /accept_redirects|forwarding'/,
    );
  });

  it('nothing coupled is touched where ip_forward stays as it is, and none of it is drift', () => {
    const drifted = read([1, 1], [conf('eth0/forwarding', 0)], 'present\nnet.ipv4.ip_forward = 1\n');
    expect(stepsOf(parameters.plan(drifted, facts)?.revert)).toEqual([
      `printf '%s\\n' '1' > '/proc/sys/net/ipv4/conf/eth0/send_redirects'`,
    ]);
    expect(parameters.plan(gateway, facts)).toBeNull();
  });

  it('a declared key that the kernel resets with ip_forward is set again, on either way', () => {
    const keys = sysctl({
      name: 'x',
      values: { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth1.forwarding': 0 },
      content: null,
    });
    expect(stepsOf(keys.plan(read([0, 0], []), facts)?.apply)).toEqual([
      `printf '%s\\n' '1' > '${FORWARD}'`,
      `printf '%s\\n' '0' > '/proc/sys/net/ipv4/conf/eth1/forwarding'`,
    ]);
  });

  it('a NIC that came after the baseline keeps what it has: nothing is left to change', () => {
    const now = sysctl({
      name: 'gw',
      values: { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth1.send_redirects': 0 },
      content: null,
    });
    const before = kept(parameters, read([0, 1], []));
    expect(toBaseline(now).plan(read([0, 0], []), facts, { baseline: before })).toBeNull();
    expect(stepsOf(toBaseline(now).plan(read([1, 0], []), facts, { baseline: before })?.apply)).toEqual([
      `printf '%s\\n' '0' > '${FORWARD}'`,
    ]);
  });
});

describe('firewalld on its way back', () => {
  const gateway = captured('debian-12-firewalld-1.3.3-zone-gateway');
  const stopped = captured('debian-12-firewalld-1.3.3-zone-stopped');
  const zone = firewalldZone({ name: 'public', xml: null });

  it('a zone without a file falls back to the packaged one: file away, one reload', () => {
    const change = back(zone, gateway, captured('debian-12-firewalld-1.3.3-zone-default'));
    expect(stepsOf(change?.apply)).toEqual([`rm -f '/etc/firewalld/zones/public.xml'`]);
    expect(change?.apply.handlers?.map(({ id }) => id)).toEqual(['firewalld reload']);
  });

  const xml = '<zone>\n  <!-- by hand -->\n  <service name="ssh"/>\n</zone>\n';
  const runtimeOnly = out(`${gateway.stdout.slice(0, gateway.stdout.indexOf('\n'))}\n\n\npresent\n${xml}`);

  it('what was live only is lost: the live state of its file is what is promised', () => {
    const change = back(zone, gateway, runtimeOnly);
    expect(change?.text?.after).toBe(xml);
    const live = change?.changes.find(({ layer, field }) => layer === 'live' && field === 'rules');
    expect(live?.after).toEqual([]);
  });

  it('once its file is as it was, nothing of the zone is left to change, whatever is live', () => {
    const file = out(`${stopped.stdout.slice(0, stopped.stdout.indexOf('\n'))}\n\n\npresent\n${xml}`);
    expect(back(zone, file, runtimeOnly)).toBeNull();
    expect(back(zone, runtimeOnly, file)).toBeNull();
  });

  it('a policy that was not there goes away', () => {
    const policy = firewalldPolicy({ name: 'provision-forward', xml: null });
    const change = back(
      policy,
      captured('debian-12-firewalld-1.3.3-policy-forward'),
      captured('debian-12-firewalld-1.3.3-policy-absent'),
    );
    expect(change?.changes[0]?.action).toBe('delete');
  });
});
