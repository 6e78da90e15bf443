import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parseBalance } from '../../../src/model/balance-status.ts';

const captured = (engine: string): string =>
  readFileSync(`test/fixtures/probes/debian-12-balance-status-${engine}.txt`, 'utf8');

describe('how listeners stand', () => {
  it.each(['iptables', 'nftables'])('is read with health and connections: by %s', (engine) => {
    const listeners = parseBalance(captured(engine));
    expect(listeners?.map(({ name, loaded, watched }) => [name, loaded, watched])).toEqual([
      ['web', true, true],
      ['regions', true, true],
    ]);
    const [first, second] = listeners?.[0]?.backends ?? [];
    expect(first).toMatchObject({ address: '10.1.160.14', port: 8080, state: 'active', why: '' });
    expect(first?.hits).toBeGreaterThanOrEqual(7);
    expect(second?.state).toBe(engine === 'iptables' ? 'down' : 'draining');
    expect(second?.why).toBe('no connection');
    expect(second?.since).toMatch(/^2026-.*Z$/);
  });

  it('names ports as people do', () => {
    expect(parseBalance(captured('nftables'))?.[0]?.ports).toEqual(['8000-8010', '8080-8081']);
    expect(parseBalance(captured('iptables'))?.[0]?.ports).toEqual(['8080']);
  });

  it('a checker that does not run, and rules that are not loaded, are told', () => {
    const alone = captured('iptables').replace('watched', 'alone').replaceAll('\tyes\n', '\tno\n');
    expect(parseBalance(alone)?.map(({ loaded, watched }) => [loaded, watched])).toEqual([
      [false, false],
      [false, false],
    ]);
    // Nobody needs to check what is not checked.
    const unchecked = alone.replaceAll('\tchecked\t', '\t\t');
    expect(parseBalance(unchecked)?.[0]).toMatchObject({ watched: true });
    expect(parseBalance(unchecked)?.[0]?.backends[0]?.state).toBe('unchecked');
  });

  it('a host without a balancer, or with another answer, has none', () => {
    expect(parseBalance('')).toBeNull();
    expect(parseBalance('bash: command not found\n')).toBeNull();
    const odd = parseBalance(
      'watched\nbackend\tx\nservice\nbackend\t\u001B[2J\tx\ty\tz\tq\t99999999999999\tmany\n',
    );
    expect(odd?.[0]?.backends).toEqual([
      { address: '\u001B[2J', port: null, weight: 0, state: 'unchecked', since: null, why: '', hits: 0 },
    ]);
  });
});
