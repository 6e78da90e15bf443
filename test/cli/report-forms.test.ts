import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from '@jest/globals';
import { eventSchema } from '../../src/reporters/event-schema.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { MARKS, playbookOf, projectFor, readReport } from './project.ts';
import type { Project } from './project.ts';

const network = fakeNetwork();
const FORMS = ['json', 'ndjson', 'xml', 'md', 'html'] as const;
type Form = (typeof FORMS)[number];
const isEvent = new Ajv2020({ strict: false, allErrors: true }).compile(eventSchema);

interface Ending {
  readonly name: string;
  readonly code: number;
  readonly playbook: string;
  readonly prepare?: (project: Project) => unknown;
  readonly status: string | null;
  /** What the comment for a pull request says in its first line. */
  readonly headline: RegExp;
  /** Failures and errors of the JUnit. */
  readonly junit: readonly [failures: number, errors: number];
}

const CRASH = playbookOf('mark(host.name)', {
  play: `checks: [(context) => reach({ from: 'db1', to: '127.0.0.1:1', expect: 'closed' })(context).map((check) => ({ ...check, from: 'controller', read: () => { throw new TypeError('a check of one’s own'); } }))]`,
});

const ENDINGS: readonly Ending[] = [
  {
    name: 'in sync',
    code: 0,
    playbook: MARKS,
    prepare: (project) => project.write('remote/db1', ''),
    status: 'ok',
    headline: /^\*\*As declared\*\* · 1 host$/m,
    junit: [0, 0],
  },
  {
    name: 'changed',
    code: 0,
    playbook: MARKS,
    status: 'changed',
    headline: /^\*\*1 change made on 1 host\*\*/m,
    junit: [0, 0],
  },
  {
    name: 'a failed check, put back',
    code: 2,
    playbook: playbookOf('mark(host.name)', {
      play: "checks: [reach({ from: 'db1', to: '127.0.0.1:1', expect: 'open', onFail: 'revert', retries: 0 })]",
    }),
    status: 'reverted',
    headline: /^\*\*Put back as before\: db1\*\* · 1 host · 0 of 1 check pass$/m,
    junit: [2, 0],
  },
  {
    name: 'unreachable',
    code: 4,
    playbook: MARKS,
    prepare: (project) => project.write('inventory.yml', 'all:\n  hosts:\n    db1:\n      ansible_port: 1\n'),
    status: 'unreachable',
    headline: /^\*\*Not reached\: db1\*\*/m,
    junit: [0, 1],
  },
  {
    name: 'crash',
    code: 1,
    playbook: CRASH,
    status: null,
    headline: /^\*\*The run broke\: an internal error\*\*/m,
    junit: [0, 1],
  },
];

/** One run that ends so, with a report of each form. */
async function ended({ playbook, prepare }: Ending) {
  const project = projectFor(network, { db1: await network.host() }, playbook);
  prepare?.(project);
  const run = await project.run(FORMS.flatMap((form) => ['--report', `all.${form}`]));
  const text = (form: Form): string => readFileSync(project.at(`all.${form}`), 'utf8');
  return { project, run, text };
}

const hasXmllint = spawnSync('xmllint', ['--version']).status === 0;

/** Throws what xmllint says of a file that does not keep to the schema. */
const validateXml = (file: string): void =>
  void execFileSync(
    'xmllint',
    ['--noout', '--schema', path.resolve('test/fixtures/reports/junit.xsd'), file],
    {
      stdio: 'pipe',
    },
  );

describe.each(ENDINGS)('every form of a report: $name', (ending) => {
  it('is written, for its owner only, and says the same', async () => {
    const { project, run, text } = await ended(ending);
    expect([run.code, run.report.exitCode]).toEqual([ending.code, ending.code]);
    for (const form of FORMS)
      expect([form, statSync(project.at(`all.${form}`)).mode & 0o777]).toEqual([form, 0o600]);
    expect(readReport(project.at('all.json'))).toEqual(run.report);
    expect(run.report.hosts[0]?.status ?? null).toBe(ending.status);
    if (ending.status !== null && ending.status !== 'ok')
      expect(run.report.hosts[0]?.error ?? run.report.hosts[0]?.changes[0]).toMatchObject({
        file: 'inventory.yml',
        line: expect.any(Number),
      });

    const events = text('ndjson')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const event of events)
      expect([event['type'], isEvent(event), isEvent.errors]).toEqual([event['type'], true, null]);
    expect(events.at(-1)).toMatchObject({ type: 'report', runId: run.report.runId, exitCode: ending.code });
    if (ending.status !== null)
      expect(events.findLast(({ type }) => type === 'run-finished')).toMatchObject({
        hosts: run.report.hosts,
      });

    const xml = text('xml');
    const [failures, errors] = ending.junit;
    expect(/<testsuites [^>]*/.exec(xml)?.[0]).toContain(`failures="${failures}" errors="${errors}"`);
    expect(text('md')).toMatch(ending.headline);
    // The same sentence, as HTML; and the picture wherever the inventory could be read.
    const html = text('html');
    const [, said = ''] = ending.headline.exec(text('md'))?.[0].match(/^\*\*(.*?)\*\*/) ?? [];
    expect(html).toContain(`<h1>${said}</h1>`);
    expect(html).toMatch(/<a id="n\d+" class="node k-member[^"]*"/);
  });

  (hasXmllint ? it : it.skip)('its JUnit keeps to the schema (needs xmllint of libxml2-utils)', async () => {
    const { project, run } = await ended(ending);
    expect(run.code).toBe(ending.code);
    expect(() => validateXml(project.at('all.xml'))).not.toThrow();
  });
});

(hasXmllint ? it : it.skip)('control: the schema refuses what no reader of JUnit takes', () => {
  const directory = path.join(process.env['TMPDIR'] ?? '/tmp', `junit-control-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  network.atEnd(() => execFileSync('rm', ['-r', directory]));
  const file = path.join(directory, 'wrong.xml');
  writeFileSync(file, '<testsuites><testsuite name="gw1" tests="one" failures="0" errors="0"/></testsuites>');
  expect(() => validateXml(file)).toThrow(/tests/);
});

it('--check: JUnit fails nothing, drift is skipped with what differs', async () => {
  const project = projectFor(network, { db1: await network.host() }, MARKS);
  await project.run(['--check', '--report', 'plan.xml', '--report', 'plan.md']);
  const xml = readFileSync(project.at('plan.xml'), 'utf8');
  expect(xml).toContain('failures="0" errors="0"');
  expect(xml).toMatch(
    /<skipped type="planned" message="1 to change \(--check\)">db1: its check does not succeed yet/,
  );
  expect(readFileSync(project.at('plan.md'), 'utf8')).toMatch(
    /^\*\*1 change to make on 1 host\*\* .*nothing was changed/m,
  );
});

describe('annotations of GitHub', () => {
  const annotationsOf = (stderr: string): string[] =>
    stderr.split('\n').filter((line) => line.startsWith('::'));

  it('stand at the lines of the inventory, in Actions by themselves', async () => {
    const project = projectFor(network, { db1: await network.host() }, MARKS);
    const env = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: project.directory };
    const { stderr, stdout } = await project.run(['--check'], { env });
    expect(annotationsOf(stderr)).toEqual([
      expect.stringMatching(/^::notice file=inventory\.yml,line=\d+,title=db1 changes::~ db1: its check/),
    ]);
    expect(annotationsOf(stdout)).toEqual([]);
    expect(annotationsOf((await project.run(['--check', '--annotations', 'off'], { env })).stderr)).toEqual(
      [],
    );
    expect(annotationsOf((await project.run(['--check', '--annotations', 'github'])).stderr)).toHaveLength(1);
    expect(annotationsOf((await project.run(['--check'])).stderr)).toEqual([]);
  });

  it('an error before any contact', async () => {
    const project = projectFor(network, { db1: await network.host() }, MARKS);
    project.write('inventory.yml', 'all:\n  hosts:\n    db1: { nat: { masquarade: [] } }\n');
    const { stderr } = await project.run(['--annotations', 'github']);
    expect(annotationsOf(stderr)).toEqual([
      expect.stringMatching(
        /^::error file=inventory\.yml,line=3,col=\d+,title=provision::.*%0ANext: .*masquerade/,
      ),
    ]);
  });
});

it('a report that cannot be written any more is said, and a run that was fine ends 1', async () => {
  const project = projectFor(
    network,
    { db1: await network.host() },
    playbookOf('mark(host.name)', {
      // The directory that was there when flags were looked at is a file when reports are written.
      head: "import { rmSync, writeFileSync } from 'node:fs';\nrmSync(new URL('late', import.meta.url), { recursive: true, force: true }); writeFileSync(new URL('late', import.meta.url), '');",
    }),
  );
  const { code, stderr } = await project.run(['--report', 'late/all.md']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/--report late\/all\.md could not be written: /);
});
