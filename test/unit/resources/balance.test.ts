import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { balance } from '../../../src/resources/index.ts';
import { captured, describeResource, facts } from './conformance.ts';

const conf = readFileSync('test/fixtures/rules/lb.conf', 'utf8');
const resource = balance({ name: 'lb', conf });

describeResource('balance', {
  resource,
  matching: captured('debian-12-balance-filled'),
  absent: captured('debian-12-balance-absent'),
  different: captured('debian-12-balance-changed-live'),
  differs: ['live.web'],
  hostile: (text) => balance({ name: 'lb', conf: `${conf}# ${text}` }),
});

const sentences = (text: string | null, capture: string): string[] =>
  balance({ name: 'lb', conf: text })
    .plan(captured(capture), facts)
    ?.changes.map(({ sentence }) => sentence) ?? [];

describe('what a balancer’s chains hold', () => {
  it('a chain that somebody filled otherwise is told, and filled again', () => {
    expect(sentences(conf, 'debian-12-balance-changed-live')).toEqual([
      'listener web: missing live: protocols tcp, by turn, backend 10.1.160.14:8080 weight 1, backend 10.1.160.15:8080 weight 1; not declared but present live: rules that do not follow from its backends and their health',
    ]);
  });

  it('another weight is a change live and saved, of that listener alone', () => {
    const said = sentences(conf, 'debian-12-balance-other-weight');
    expect(said).toEqual([
      'listener web: missing live: backend 10.1.160.15:8080 weight 1; not declared but present live: backend 10.1.160.15:8080 weight 2',
      'listener web: missing in the saved configuration: backend 10.1.160.15:8080 weight 1; not declared but present in the saved configuration: backend 10.1.160.15:8080 weight 2',
    ]);
  });

  it('what only the checker looks at is saved, and no change of what is loaded', () => {
    const slower = conf.replace('times 1000 1000 500 2 2', 'times 5000 1000 500 2 2');
    // The host has the old text.
    const host = `other ${Buffer.from(conf).toString('base64')}\nweb same\nregions same\n`;
    const changes =
      balance({ name: 'lb', conf: slower }).plan({ stdout: host, code: 0 }, facts)?.changes ?? [];
    expect(changes.map(({ layer, sentence }) => [layer, sentence])).toEqual([
      [
        'saved',
        'listener web: missing in the saved configuration: every 5000 ms, timeout 1000 ms, fast 500 ms, rise 2, fall 2; not declared but present in the saved configuration: every 1000 ms, timeout 1000 ms, fast 500 ms, rise 2, fall 2',
      ],
    ]);
  });

  it('its file comes first, the chains follow once all files lie there, on the way back too', () => {
    const change = resource.plan(captured('debian-12-balance-absent'), facts);
    expect(change?.apply.paths).toEqual(['/etc/provision/lb.conf']);
    expect(change?.apply.steps.join('\n')).toContain('/etc/provision/lb.conf');
    for (const way of [change?.apply, change?.revert])
      expect(way?.handlers?.map(({ script }) => script).join('\n')).toContain(
        'bash /etc/provision/lb-checker apply',
      );
    expect(change?.revert.steps).toEqual([`rm -f '/etc/provision/lb.conf'`]);
  });

  it('taken away, nothing of it stays, and there is no baseline to return to', () => {
    const gone = balance({ name: 'lb', conf: null });
    expect(gone.plan(captured('debian-12-balance-filled'), facts)).toBeNull();
    const host = `other ${Buffer.from(conf).toString('base64')}\nweb same\nregions missing\n`;
    expect(gone.plan({ stdout: host, code: 0 }, facts)?.apply.steps).toEqual([
      `rm -f '/etc/provision/lb.conf'`,
    ]);
    expect(gone.baseline({ stdout: host, code: 0 }, facts)).toBeNull();
  });
});
