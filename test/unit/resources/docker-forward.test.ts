import { describe, expect, it } from '@jest/globals';
import { dockerForward } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';

const DECLARED = { sources: ['172.31.0.16/28'], backends: ['172.31.0.21'] };
const capture = (name: string) => captured(`debian-12-docker-20.10-forward-${name}`);
const resource = dockerForward(DECLARED);
const gone = dockerForward({ sources: null, backends: [] });

describeResource('docker-forward', {
  resource,
  matching: capture('let-through'),
  absent: capture('dropped'),
  different: capture('drifted'),
  differs: ['live.accepted'],
  hostile: (text) => dockerForward({ sources: [text], backends: [text] }),
  needsNoTool: true,
});

describe("a way past Docker's DROP", () => {
  const sentences = (name: string): string[] =>
    resource.plan(capture(name), facts)?.changes.map(({ sentence }) => sentence) ?? [];

  it('is made for what is declared only, while the policy is DROP', () => {
    const [load = ''] = resource.plan(capture('dropped'), facts)?.apply.steps ?? [];
    expect(load).toContain('-A PROVISION_DOCKER -s 172.31.0.16/28 -j ACCEPT\n');
    expect(load).toContain('-A PROVISION_DOCKER -d 172.31.0.21/32 -m conntrack --ctstate DNAT -j ACCEPT\n');
    expect(load).not.toContain('-A PROVISION_DOCKER -m conntrack --ctstate DNAT');
    expect(resource.plan(capture('accepts'), facts)).toBeNull();
  });

  it('is named by what is dropped, and how long it lasts', () => {
    expect(sentences('dropped').join('\n')).toContain(
      'Docker drops what is forwarded: not let through live: DNAT to 172.31.0.21, answers, 172.31.0.16/28 (a reboot ends that',
    );
    expect(sentences('drifted')).toEqual([
      expect.stringMatching(
        /not let through live: 172\.31\.0\.16\/28 .*; let past Docker live and not wanted: 10\.9\.0\.0\/24$/,
      ),
    ]);
    expect(sentences('no-jump')[0]).toBe(
      'Docker drops what is forwarded: DOCKER-USER does not lead to PROVISION_DOCKER live',
    );
  });

  it('goes when the policy is ACCEPT again, and when the role goes', () => {
    for (const change of [
      resource.plan(capture('not-needed'), facts),
      gone.plan(capture('let-through'), facts),
    ]) {
      expect(change?.changes.map(({ action }) => action)).toEqual(['delete', 'delete']);
      expect(change?.apply.steps.join('\n')).toContain('iptables -w 10 -X PROVISION_DOCKER');
      // The way back has the rules that were there.
      expect(change?.revert.steps.join('\n')).toContain('-s 172.31.0.16/28 -j ACCEPT');
    }
    expect(gone.plan(capture('dropped'), facts)).toBeNull();
  });

  it('a DROP without the chain that leads past it is told, and not touched', () => {
    expect(resource.plan(capture('no-user-chain'), facts)).toBeNull();
    expect(resource.warnings?.(capture('no-user-chain'))).toEqual([expect.stringContaining('policy DROP')]);
    expect(resource.warnings?.(capture('dropped'))).toEqual([]);
    expect(gone.warnings?.(capture('no-user-chain'))).toEqual([]);
  });

  it('a source that is everything is written as iptables prints it', () => {
    const [load = ''] =
      dockerForward({ sources: ['0.0.0.0/0'], backends: [] }).plan(capture('dropped'), facts)?.apply.steps ??
      [];
    expect(load).toContain('-A PROVISION_DOCKER -j ACCEPT\n');
  });
});
