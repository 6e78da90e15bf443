import { describe, expect, it } from '@jest/globals';
import {
  livePlaces,
  remembered,
  savedPlaces,
  spelledByHost,
  rulesIn,
  withoutPlaces,
  withPlaces,
} from '../../../src/resources/adopted-places.ts';
import type { LivePlace } from '../../../src/resources/adopted-places.ts';
import { parseRecord } from '../../../src/resources/adopted-record.ts';
import { adoptedLines } from '../../../src/resources/index.ts';
import { captured, describeResource, facts, stepsOf } from './conformance.ts';

/** As the article types them; the captures are of a host where they were typed with -I, in this order. */
const named = [
  { table: 'nat', line: '-A POSTROUTING -p all -s 172.19.0.100 -j SNAT --to-source 172.31.0.8' },
  { table: 'nat', line: '-A POSTROUTING -p all -s 172.19.0.101 -j SNAT --to-source 172.31.0.14' },
  {
    table: 'nat',
    line: '-A PREROUTING -d 172.31.0.8/32 ! -i br-eip1 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.19.0.100:8090',
  },
];
const byHand = captured('debian-12-adopted-by-hand');
const takenOver = captured('debian-12-adopted-taken-over');
const putBack = captured('debian-12-adopted-put-back-live');
const resource = adoptedLines({ named });
const back = adoptedLines({ named: null });

describeResource('adopted-lines', {
  resource,
  matching: takenOver,
  absent: byHand,
  different: putBack,
  differs: ['live.nat POSTROUTING'],
  hostile: (text) => adoptedLines({ named: [{ table: 'nat', line: `-A POSTROUTING ${text}` }] }),
  actionWhenAbsent: 'update',
  needsNoTool: true,
});

const sentences = (of = resource, output = byHand): string[] =>
  of.plan(output, facts)?.changes.map(({ sentence }) => sentence) ?? [];

describe('rules that were made by hand', () => {
  it('are found in the spelling of the host, whatever the spelling of the inventory, and named in the plan', () => {
    expect(sentences()).toEqual([
      'takes over 1 hand-made rule of nat PREROUTING: -d 172.31.0.8/32 ! -i br-eip1 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.19.0.100:8090',
      'takes over 2 hand-made rules of nat POSTROUTING: -s 172.19.0.101/32 -j SNAT --to-source 172.31.0.14; -s 172.19.0.100/32 -j SNAT --to-source 172.31.0.8',
      'takes over 3 hand-made rules in /etc/iptables/rules.v4, table nat, loaded at boot: -d 172.31.0.8/32 ! -i br-eip1 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 172.19.0.100:8090; -s 172.19.0.101/32 -j SNAT --to-source 172.31.0.14; -s 172.19.0.100/32 -j SNAT --to-source 172.31.0.8',
    ]);
  });

  it('go after every other step and handler, and come back before what took over goes', () => {
    const change = resource.plan(byHand, facts);
    expect(change?.apply.steps).toEqual([]);
    // A rollback has the changes the other way round; a reload of firewalld 1 would empty the chains after this one.
    for (const way of [change?.apply, change?.revert])
      expect(way?.handlers).toEqual([expect.objectContaining({ last: true })]);
    expect(change?.apply.handlers?.[0]?.script).toContain(
      `'gone nat -A POSTROUTING -s 172.19.0.100/32 -j SNAT --to-source 172.31.0.8'`,
    );
    expect(change?.revert.steps.join()).toContain(
      `'back nat 2 -A POSTROUTING -s 172.19.0.100/32 -j SNAT --to-source 172.31.0.8'`,
    );
    expect(change?.apply.paths).toEqual(['/etc/iptables/rules.v4', '/var/lib/provision/adopted.json']);
  });

  it('leave everything else of the saved file as it was, with its mode', () => {
    const writes = stepsOf(resource.plan(byHand, facts)?.apply).find((text) => text.includes('*nat')) ?? '';
    expect(writes).toContain('-s 10.0.0.0/8 -j MASQUERADE');
    expect(writes).toContain('-s 192.0.2.0/24 -j ACCEPT');
    expect(writes).not.toContain('SNAT');
    expect(writes).toContain(`chmod '0640'`);
  });

  it('come back to their places by what the host remembers, named or not', () => {
    const change = back.plan(captured('debian-12-adopted-taken-over-named-by-nobody'), facts);
    expect(sentences(back, captured('debian-12-adopted-taken-over-named-by-nobody'))).toEqual(
      sentences().map((sentence) => sentence.replace('takes over', 'puts back')),
    );
    expect(change?.apply.steps.join()).toContain(
      `'back nat 1 -A POSTROUTING -s 172.19.0.101/32 -j SNAT --to-source 172.31.0.14'`,
    );
    expect(stepsOf(change?.apply).join()).toContain(`rm -f '/var/lib/provision/adopted.json'`);
  });

  it('that never were taken over are left alone when a role goes', () => {
    expect(back.plan({ stdout: '', code: 0 }, facts)).toBeNull();
  });

  it('a record that somebody has changed is an error, not a guess', () => {
    expect(() =>
      parseRecord('{"live":[{"tool":"rm","table":"nat","line":"-A X -j Y","at":1}],"saved":[]}'),
    ).toThrow('is not one');
    expect(() =>
      parseRecord('{"live":[],"saved":[{"path":"/x","table":"nat","line":"reboot","at":1}]}'),
    ).toThrow('is not one');
    expect(parseRecord('{"live":[],"saved":[]}')).toEqual({ live: [], saved: [] });
  });
});

const SAVED = `# by hand
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
[3:180] -A PREROUTING -s 192.0.2.1 -j DNAT --to-destination 10.0.0.1
# a note
-A PREROUTING -j PROVISION-IN
-A PREROUTING -s 192.0.2.2/32 -j ACCEPT
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
-A INPUT -s 192.0.2.1/32 -j DROP
COMMIT
`;
const SPELLED = SAVED.replace('-s 192.0.2.1 -j', '-s 192.0.2.1/32 -j');
const keys = new Set([
  'nat -A PREROUTING -s 192.0.2.1/32 -j DNAT --to-destination 10.0.0.1',
  'nat -A DOCKER -i docker0 -j RETURN',
]);

describe('places in a file', () => {
  const places = savedPlaces('/f', SAVED, SPELLED, keys);

  it('are found whatever the spelling and the counters, in their table only', () => {
    expect(places.map(({ at, line }) => [at, line])).toEqual([
      [1, '[3:180] -A PREROUTING -s 192.0.2.1 -j DNAT --to-destination 10.0.0.1'],
      [4, '-A DOCKER -i docker0 -j RETURN'],
    ]);
    // Control: a host that does not take the file says nothing about other spellings.
    expect(savedPlaces('/f', SAVED, null, keys)).toHaveLength(1);
  });

  it('out and in again is the same file to the letter', () => {
    const without = withoutPlaces(SAVED, places);
    expect(without).toBe(
      SAVED.split('\n')
        .filter((line) => !/DNAT|DOCKER -i/.test(line))
        .join('\n'),
    );
    expect(withPlaces(without, places)).toBe(SAVED);
  });

  it('in a file that others have changed since they keep their order, and a table that is gone is made', () => {
    const changed = withoutPlaces(SAVED, places).replace('*filter', '*filter\n-A INPUT -j ACCEPT');
    expect(withPlaces(changed, places)).toBe(SAVED.replace('*filter', '*filter\n-A INPUT -j ACCEPT'));
    const gone = '*filter\n-A INPUT -j ACCEPT\nCOMMIT\n';
    expect(withPlaces(gone, places)).toBe(
      `${gone}*nat\n${places.map(({ line }) => line).join('\n')}\nCOMMIT\n`,
    );
  });
});

describe('places in a chain', () => {
  const chain = (...rules: string[]): string => ['*nat', ...rules.map((rule) => `-A C ${rule}`)].join('\n');
  const find = (text: string, ...rules: string[]): LivePlace[] =>
    livePlaces('iptables', text, new Set(rules.map((rule) => `nat -A C ${rule}`)));

  it('are counted among what is not ours', () => {
    const text = chain('-j PROVISION_LB-DNAT', '-j a', '-j PROVISION-IN', '-j b');
    expect(find(text, '-j b').map(({ at }) => at)).toEqual([2]);
  });

  it('of rules that are named later are counted as if the earlier ones stood in theirs', () => {
    const first = find(chain('-j a', '-j b', '-j c', '-j d'), '-j a', '-j c');
    expect(first.map(({ at }) => at)).toEqual([1, 3]);
    // Somebody has put c back, at the head; b and d are named too.
    const second = find(chain('-j c', '-j b', '-j d'), '-j a', '-j b', '-j c', '-j d');
    const all = remembered(first, second);
    expect(all.map(({ line, at }) => `${line} ${at}`).toSorted()).toEqual([
      '-A C -j a 1',
      '-A C -j b 2',
      '-A C -j c 3',
      '-A C -j d 4',
    ]);
  });

  it('a chain of which the host prints another number of rules is compared as it is written', () => {
    const rules = rulesIn(chain('-s h1,h2 -j a'));
    expect(spelledByHost(rules, chain('-s 1 -j a', '-s 2 -j a'))).toEqual(rules);
    expect(spelledByHost(rules, chain('-s 1/32 -j a'))[0]?.line).toBe('-A C -s 1/32 -j a');
  });
});
