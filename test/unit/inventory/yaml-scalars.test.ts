import { describe, expect, test } from '@jest/globals';
import { ansibleReading, coreReading } from '../../../src/inventory/yaml-scalars.ts';
import { loadText } from './fixture.ts';

describe('plain words of YAML', () => {
  test.each<[string, unknown, unknown]>([
    ['yes', true, 'yes'],
    ['OFF', false, 'OFF'],
    ['y', 'y', 'y'],
    ['0123', 83, 123],
    ['08', '08', 8],
    ['0o17', '0o17', 15],
    ['0b11', 3, '0b11'],
    ['0x1f', 31, 31],
    ['1_000', 1000, '1_000'],
    ['12:30', 750, '12:30'],
    ['1e3', '1e3', 1000],
    ['1.5e+3', 1500, 1500],
    ['~', null, null],
    ['.inf', Infinity, Infinity],
    ['12345678901234567890', '12345678901234567890', '12345678901234567890'],
    ['2026-01-02', '2026-01-02', '2026-01-02'],
    ['10.0.0.1', '10.0.0.1', '10.0.0.1'],
  ])('%s', (word, ansible, core) => {
    expect(ansibleReading(word)).toEqual(ansible);
    expect(coreReading(word)).toEqual(core);
  });

  test('each word that differs is told once, with its place and all its lines; JSON has no such words', async () => {
    const { warnings } = await loadText(
      'all:\n  vars:\n    a: no\n    b: [no, "no"]\n    c: 010\n    d: no\n  hosts: { h: }',
    );
    expect(warnings.map(({ message, place }) => [place?.line, message])).toEqual([
      [
        3,
        'no is false, as Ansible reads it (YAML 1.1), and text in YAML 1.2 (also in line 4, 6). Write false, or "no" for the text',
      ],
      [5, '010 is 8, as Ansible reads it (YAML 1.1), and 10 in YAML 1.2. Write 8, or "010" for the text'],
    ]);
    expect((await loadText('{ "all": { "hosts": { "h": { "x": 1e3 } } } }')).warnings).toEqual([]);
  });

  test('a time on a date is text here', async () => {
    const { warnings } = await loadText('all: { vars: { t: 2026-01-02 03:04:05 }, hosts: { h: } }');
    expect(warnings.map(({ message }) => message)).toEqual([
      '2026-01-02 03:04:05 is text here, and a time to Ansible. Write "2026-01-02 03:04:05"',
    ]);
  });
});
