import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Check, Diagnosis, Question } from '../../src/model/check.ts';
import { directoryHosts, flag, lacks, roleOf } from './directory-hosts.ts';
import type { DirectoryHosts } from './directory-hosts.ts';

let hosts: DirectoryHosts;
beforeEach(() => {
  hosts = directoryHosts('a', 'b', 'c');
});
afterEach(() => hosts.close());

/** Fails while the host has the file `broken`; why, is asked by `diagnosis`. */
const failing = (from: string, diagnosis: Diagnosis, over: Partial<Check> = {}): Check =>
  lacks(from, 'broken', { diagnosis, ...over });
const play = (...checks: Check[]) => [
  { hosts: 'a', roles: [roleOf(flag({ name: 'x' }))], checks: [() => checks] },
];
const hintsOf = ({
  hosts: reports,
}: {
  hosts: readonly { checks: readonly { from: string; hint?: { sentence: string } }[] }[];
}) =>
  Object.fromEntries(
    reports.flatMap(({ checks }) => checks.map(({ from, hint }) => [from, hint?.sentence ?? null])),
  );

/** One round that says what its questions answered, by id. */
const saying = (key: string, questions: readonly Question[]): Diagnosis => ({
  key,
  rounds: [
    {
      questions,
      conclude: (answers) => ({
        step: 'said',
        sentence: [...answers]
          .map(
            ([id, text]) =>
              `${id}: ${text
                .replace(/@@\S+ begin\n/, '')
                .trim()
                .replaceAll('\n', ' ')}`,
          )
          .sort()
          .join('; '),
      }),
    },
  ],
});

describe('why a check fails', () => {
  it('is asked of any host, also of one that the run has nothing to do with, and kept with the check', async () => {
    hosts.put('b', 'broken');
    const asked = saying('one', [{ id: 'at', host: 'c', script: 'basename "$HOST"' }]);
    const run = await hosts.run(play(failing('b', asked)));
    expect(run.exitCode).toBe(2);
    expect(hintsOf(run)).toEqual({ b: 'at: c' });
    expect(run.events.filter(({ type }) => type === 'check-explained')).toHaveLength(1);
  });

  it('nothing is asked of anybody while nothing fails', async () => {
    const asked = saying('one', [{ id: 'at', host: 'c', script: 'touch "$HOST/asked"' }]);
    const run = await hosts.run(play(failing('b', asked)));
    expect([run.exitCode, hosts.has('c', 'asked'), hintsOf(run)]).toEqual([0, false, { b: null }]);
  });

  it('checks of one key are looked into once, and share the answer', async () => {
    ['a', 'b'].forEach((name) => hosts.put(name, 'broken'));
    const asked = saying('same', [
      { id: 'count', host: 'c', script: 'echo x >> "$HOST/count"; wc -l < "$HOST/count"' },
    ]);
    const run = await hosts.run(play(failing('a', asked), failing('b', asked)));
    expect(hintsOf(run)).toEqual({ a: 'count: 1', b: 'count: 1' });
  });

  it('round after round, until one knows', async () => {
    hosts.put('b', 'broken');
    const round = (id: string, knows: boolean) => ({
      questions: [{ id, host: 'c', script: `touch "$HOST/${id}"; echo ${id}` }],
      conclude: (answers: ReadonlyMap<string, string>) =>
        knows && answers.has(id) ? { step: id, sentence: id } : null,
    });
    const run = await hosts.run(
      play(
        failing('b', {
          key: 'k',
          rounds: [round('first', false), round('second', true), round('third', true)],
        }),
      ),
    );
    expect(hintsOf(run)).toEqual({ b: 'second' });
    expect(hosts.files('c').sort()).toEqual(['first', 'second']);
  });

  it('one that watches begins before the others, sees them, and is ended after them', async () => {
    hosts.put('b', 'broken');
    const questions: Question[] = [
      {
        id: 'act',
        host: 'b',
        script: `test -e ${hosts.at('c', 'watches')} && echo after; touch ${hosts.at('c', 'acted')}`,
      },
      {
        id: 'watch',
        host: 'c',
        watches: true,
        // As long as nobody ends it, this goes on.
        script: `exec sh -c 'touch "$HOST/watches"; echo "watching $$"; while :; do test -e "$HOST/acted" && ! test -e "$HOST/seen" && { echo seen; touch "$HOST/seen"; }; sleep 0.05; done'`,
      },
    ];
    const run = await hosts.run(play(failing('b', saying('w', questions))));
    expect(hintsOf(run)['b']).toMatch(/^act: after; watch: watching \d+ seen$/);
  });

  it('one that ends too early is no answer', async () => {
    hosts.put('b', 'broken');
    const questions: Question[] = [
      { id: 'act', host: 'b', script: 'sleep 0.5; echo done' },
      { id: 'watch', host: 'c', watches: true, script: 'echo "watching 1"; exit 0' },
    ];
    expect(hintsOf(await hosts.run(play(failing('b', saying('w', questions)))))).toEqual({ b: null });
  });

  it('a host that cannot be asked leaves its answer out', async () => {
    hosts.put('b', 'broken');
    hosts.cutFrom('c', 1);
    const asked = saying('one', [
      { id: 'near', host: 'b', script: 'echo here' },
      { id: 'far', host: 'c', script: 'echo there' },
      { id: 'unknown', host: 'nobody', script: 'echo nowhere' },
    ]);
    expect(hintsOf(await hosts.run(play(failing('b', asked))))).toEqual({ b: 'near: here' });
  });

  it('is found before a change is put back', async () => {
    const asked = saying('one', [{ id: 'x', host: 'a', script: 'test -e "$HOST/x" && echo changed' }]);
    const broken = flag({ name: 'x', breaks: 'broken' });
    const run = await hosts.run(
      [{ hosts: 'a', roles: [roleOf(broken)], checks: [() => [failing('a', asked)]] }],
      { confirmTimeout: 60 },
    );
    expect(run.hosts[0]?.status).toBe('reverted');
    expect(hintsOf(run)).toEqual({ a: 'x: changed' });
    // Who reads the error alone learns it too.
    expect(run.hosts[0]?.error?.hint).toBe('Likely: x: changed Mend that and run again.');
    expect(hosts.has('a', 'x')).toBe(false);
  });

  it('where something else puts it back, that comes first', async () => {
    hosts.put('a', 'broken');
    const asked = saying('one', [
      { id: 'x', host: 'a', script: 'if test -e "$HOST/x"; then echo changed; else echo back; fi' },
    ]);
    const run = await hosts.run(
      [
        {
          hosts: 'a,b',
          roles: [
            {
              name: 'one',
              build: ({ host }) => ({
                resources: [flag({ name: 'x', ...(host.name === 'b' ? { step: 'exit 1' } : {}) })],
              }),
            },
          ],
          checks: [() => [failing('a', asked)]],
        },
      ],
      { confirmTimeout: 60 },
    );
    expect(run.hosts.find(({ name }) => name === 'a')?.status).toBe('reverted');
    expect(hintsOf(run)['a']).toBe('x: back');
  });

  it('a plan with changes is not looked into: it says itself what is not yet so', async () => {
    hosts.put('b', 'broken');
    const asked = saying('one', [{ id: 'at', host: 'c', script: 'touch "$HOST/asked"' }]);
    const planned = await hosts.run(play(failing('b', asked)), { check: true });
    expect([hintsOf(planned), hosts.has('c', 'asked')]).toEqual([{ b: null }, false]);
    await hosts.run(play());
    expect(hintsOf(await hosts.run(play(failing('b', asked)), { check: true }))['b']).toMatch(/^at:/);
  });
});
