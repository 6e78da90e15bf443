import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { scriptFor } from '../../probed.ts';
import { blanketZones } from '../../../src/resources/firewalld-blanket.ts';

const zone = (body: string): string =>
  `<?xml version="1.0" encoding="utf-8"?>\n<zone>\n  <interface name="eth0"/>\n${body}</zone>\n`;
const RICH = '  <rule family="ipv4"><source address="10.0.0.0/24"/><masquerade/></rule>\n';
const out = (files: Readonly<Record<string, string>>) => ({
  stdout: Object.entries(files)
    .flatMap(([name, text]) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => `/etc/firewalld/zones/${name}.xml:${line}\n`),
    )
    .join(''),
  code: 0,
});
const warned = (files: Readonly<Record<string, string>>, declared: string[] = []): readonly string[] =>
  blanketZones(declared).warnings?.(out(files)) ?? [];

describe('zones that masquerade or forward everything', () => {
  it('are named, unless they are declared, which are owned whole', () => {
    const files = { public: zone(''), wan: zone('  <masquerade/>\n'), own: zone('  <masquerade/>\n') };
    expect(warned(files, ['own'])).toEqual([expect.stringMatching(/^zone wan of firewalld masquerades/)]);
  });

  it('one that forwards between interfaces it names is told too; without interfaces it forwards nothing', () => {
    const bare = '<?xml version="1.0" encoding="utf-8"?>\n<zone>\n  <forward/>\n</zone>\n';
    expect(warned({ wan: zone('  <forward/>\n'), public: bare })).toEqual([
      expect.stringMatching(/^zone wan of firewalld forwards everything/),
    ]);
    expect(warned({ wan: zone('  <forward/>\n') }, ['wan'])).toEqual([]);
  });

  it('a rule that masquerades one source is none of them, and a broken file says nothing', () => {
    expect(warned({ public: zone(RICH), broken: '<zone' })).toEqual([]);
    expect(warned({})).toEqual([]);
  });

  it('reads with a shell that parses, and changes nothing', () => {
    const resource = blanketZones([]);
    execFileSync('dash', ['-n'], { input: scriptFor(resource) });
    expect(resource.plan({ stdout: '', code: 0 }, {} as never)).toBeNull();
  });
});
