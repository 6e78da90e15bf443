import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { CONNTRACK_PROBE, parseConntrack } from '../../src/engine/conntrack.ts';

const captured = (name: string): string => readFileSync(`test/fixtures/probes/${name}.txt`, 'utf8');
const PROC = captured('debian-12-proc-net-stat-nf-conntrack');
const TOOL = captured('debian-12-conntrack-1.4.7-statistics');

/** The capture with a number in a column of each processor. */
const withCounter = (name: string, hexadecimal: string): string => {
  const [head = '', ...rows] = PROC.trimEnd().split('\n');
  const at = head.split(/\s+/).indexOf(name);
  const changed = rows.map((row) => {
    const words = row.split(/(\s+)/);
    words[at * 2] = hexadecimal;
    return words.join('');
  });
  return [head, ...changed].join('\n');
};

describe('the connection table of a host', () => {
  it('as the kernel prints it', () => {
    expect(parseConntrack(`20 262144\n${PROC}`)).toEqual({
      count: 20,
      max: 262144,
      insertFailed: 0,
      drop: 0,
    });
  });

  it('counters are hexadecimal, and added up over the processors', () => {
    expect(parseConntrack(`20 262144\n${withCounter('insert_failed', '0000001f')}`)).toMatchObject({
      insertFailed: 62,
      drop: 0,
    });
    expect(parseConntrack(`20 262144\n${withCounter('drop', '00000100')}`)).toMatchObject({
      insertFailed: 0,
      drop: 512,
    });
  });

  it('as conntrack(8) prints it', () => {
    const full = TOOL.replaceAll('insert_failed=0', 'insert_failed=7').replace(/\bdrop=0/, 'drop=3');
    expect(parseConntrack(`5 65536\n${TOOL}`)).toEqual({ count: 5, max: 65536, insertFailed: 0, drop: 0 });
    expect(parseConntrack(`5 65536\n${full}`)).toMatchObject({ insertFailed: 14, drop: 3 });
  });

  it.each(['', 'nonsense', '\n', '1 2 3\n'])('nothing tracked, or nothing understood: %j', (text) => {
    expect(parseConntrack(text)).toBeNull();
  });

  it('the probe reads this machine and says the same as the kernel', () => {
    const said = execFileSync('dash', ['-c', `probe() {${CONNTRACK_PROBE}\n}\nprobe`], { encoding: 'utf8' });
    let max: number | undefined;
    try {
      max = Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8'));
    } catch {
      // This kernel tracks no connections.
    }
    expect(parseConntrack(said)?.max).toBe(max);
  });
});
