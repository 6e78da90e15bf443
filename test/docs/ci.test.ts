import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import type { FakeHost } from '../fakehost/fake-host.ts';
import { fakeNetwork } from '../fakehost/fake-network.ts';
import { MARKS, playbookOf, projectFor, readReport } from '../cli/project.ts';
import type { Project } from '../cli/project.ts';

const textOf = (name: string): string => readFileSync(`docs/ci/${name}`, 'utf8');

describe('GitHub Actions: what the runner itself would say of these files', () => {
  const mistakes = (content: string): string[] =>
    parseWorkflow({ name: 'x.yml', content }, new NoOperationTraceWriter())
      .context.errors.getErrors()
      .map(({ message }) => message);

  it.each(['github-actions.yml', 'github-matrix.yml'])('%s', (name) => {
    expect(mistakes(textOf(name))).toEqual([]);
  });

  it('control: a key, an event and an expression that are not there', () => {
    const text = textOf('github-actions.yml');
    expect(mistakes(text.replace('runs-on:', 'run-on:'))).not.toEqual([]);
    expect(mistakes(text.replace('pull_request:', 'pull_requests:'))).not.toEqual([]);
    expect(mistakes(text.replace('${{ secrets.SSH_KEY }}', '${{ secrets.SSH_KEY'))).not.toEqual([]);
  });
});

describe('GitLab CI: the keywords of its reference', () => {
  const text = { type: 'string' };
  const texts = { type: 'array', items: text };
  const closed = (properties: object, required: string[] = []) => ({
    type: 'object',
    additionalProperties: false,
    properties,
    required,
  });
  // https://docs.gitlab.com/ci/yaml/, as far as it is used here.
  const job = closed(
    {
      stage: text,
      script: texts,
      parallel: { type: 'integer', minimum: 1, maximum: 200 },
      artifacts: closed({
        when: { enum: ['on_success', 'on_failure', 'always'] },
        paths: texts,
        reports: closed({ junit: text }),
      }),
      rules: {
        type: 'array',
        items: closed({
          if: text,
          when: { enum: ['on_success', 'on_failure', 'always', 'never', 'manual'] },
        }),
      },
      allow_failure: closed({ exit_codes: { type: 'array', items: { type: 'integer' } } }),
    },
    ['script'],
  );
  const validate = new Ajv().compile({
    type: 'object',
    properties: {
      default: closed({ image: text, interruptible: { type: 'boolean' }, before_script: texts }),
      variables: { type: 'object', additionalProperties: text },
      stages: texts,
    },
    additionalProperties: job,
  });

  it('holds', () => {
    const { stages: known, ...jobs } = parse(textOf('gitlab-ci.yml')) as {
      stages: string[];
      [name: string]: { stage?: string } | string[];
    };
    expect([validate({ stages: known, ...jobs }), validate.errors]).toEqual([true, null]);
    const stages = Object.values(jobs).flatMap((job) => ('stage' in job ? (job.stage ?? []) : []));
    expect(stages.filter((stage) => !known.includes(stage))).toEqual([]);
  });

  it('control: a slip in a keyword is seen', () => {
    expect(validate(parse(textOf('gitlab-ci.yml').replace('parallel:', 'paralel:')))).toBe(false);
  });
});

describe('Kubernetes: the types of its API', () => {
  /** What tsc says of the file, as a literal of that type. */
  function complaints(text: string): string {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'provision-k8s-'));
    try {
      const literal = JSON.stringify(parse(text), null, 2);
      const types = path.resolve('node_modules/kubernetes-types/batch/v1');
      writeFileSync(
        path.join(directory, 'job.ts'),
        `import type { Job } from '${types}';\nexport const job: Job = ${literal};\n`,
      );
      const { stdout } = spawnSync(
        process.execPath,
        [
          'node_modules/typescript/bin/tsc',
          '--noEmit',
          '--strict',
          '--skipLibCheck',
          '--ignoreConfig',
          '--module',
          'nodenext',
          path.join(directory, 'job.ts'),
        ],
        { encoding: 'utf8' },
      );
      return stdout;
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  it('the Job is one', () => {
    expect(complaints(textOf('kubernetes-job.yml'))).toBe('');
  });

  it('control: a slip in a field is seen', () => {
    expect(complaints(textOf('kubernetes-job.yml').replace('completionMode:', 'completionsMode:'))).toContain(
      'completionsMode',
    );
  });
});

describe('systemd', () => {
  const there = spawnSync('systemd-analyze', ['--version']).status === 0;
  (there ? it : it.skip)(
    `takes the units${there ? '' : ' (skipped: systemd-analyze is not installed)'}`,
    () => {
      const directory = mkdtempSync(path.join(os.tmpdir(), 'provision-units-'));
      const verify = (change = (text: string) => text): string => {
        for (const name of ['provision-drift.service', 'provision-drift.timer'])
          writeFileSync(
            path.join(directory, name),
            change(textOf(name))
              .replace('/srv/network/drift.sh', '/bin/true')
              .replace(/^User=.*$/m, ''),
          );
        const { stdout, stderr } = spawnSync(
          'systemd-analyze',
          ['verify', path.join(directory, 'provision-drift.timer')],
          { encoding: 'utf8' },
        );
        return `${stdout}${stderr}`
          .split('\n')
          .filter((line) => line.includes('provision-drift'))
          .join('\n');
      };
      expect(verify()).toBe('');
      expect(verify((text) => text.replace('RandomizedDelaySec', 'RandomDelaySec'))).toContain(
        'RandomDelaySec',
      );
      rmSync(directory, { recursive: true });
    },
  );
});

interface Ran {
  readonly code: number;
  readonly output: string;
}

describe('their shell lines, run as the pipeline runs them', () => {
  const network = fakeNetwork();
  /** What a closed port makes of a check: failing, with nothing to change. */
  const FAILING = playbookOf('mark(host.name)', {
    play: "checks: [reach({ from: 'db1', to: '127.0.0.1:1', expect: 'open', retries: 0 })]",
  });

  /** A project with the paths that the files name; npx, npm, mail and curl are ours. */
  async function pipeline(playbook = MARKS): Promise<{
    project: Project;
    host: FakeHost;
    run: (text: string, env?: NodeJS.ProcessEnv, shell?: string[]) => Promise<Ran>;
  }> {
    const host = await network.host();
    const project = projectFor(network, { db1: host }, playbook);
    project.write('playbooks/gateway.ts', playbook);
    mkdirSync(project.at('playbooks/remote'));
    project.write('inventory/prod/hosts.yml', readFileSync(project.at('inventory.yml'), 'utf8'));
    const program = (name: string, script: string): void =>
      chmodSync(project.write(`bin/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
    program('npx', `shift; exec '${process.execPath}' '${path.resolve('dist/cli/main.js')}' "$@"`);
    program('npm', 'exit 0');
    for (const name of ['curl', 'mail'])
      program(
        name,
        `printf '%s\\n' "$@" > '${project.at(`${name}.args`)}'; cat > '${project.at(`${name}.in`)}'`,
      );
    const base = {
      PATH: `${project.at('bin')}:${process.env['PATH'] ?? ''}`,
      HOME: project.directory,
      XDG_CACHE_HOME: project.at('cache'),
      PROVISION_SSH_CONFIG: project.setup.configFile,
      PROVISION_ROLLBACK: '0',
      PROVISION_HOST_STATE: project.at('remote-state-{host}'),
    };
    const run = (text: string, env: NodeJS.ProcessEnv = {}, shell = ['bash', '-e', '-c']): Promise<Ran> =>
      new Promise((settle) => {
        const [program = 'sh', ...words] = [...shell, text];
        const child = spawn(program, words, {
          cwd: project.directory,
          env: { ...base, ...env },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        let output = '';
        [child.stdout, child.stderr].forEach((stream) =>
          stream.on('data', (chunk) => (output += String(chunk))),
        );
        child.on('close', (code) => settle({ code: code ?? 128, output }));
      });
    return { project, host, run };
  }

  interface Step {
    readonly name?: string;
    readonly run?: string;
  }
  const steps = (file: string, job: string): Step[] =>
    (parse(textOf(file)) as { jobs: Record<string, { steps: Step[] }> }).jobs[job]?.steps ?? [];
  const lineOf = (file: string, job: string, name: string): string =>
    steps(file, job).find((step) => step.name === name || step.run?.startsWith(name))?.run ?? 'exit 99';

  it('GitHub Actions: key, plan, apply, drift, webhook, summary', async () => {
    const { project, run } = await pipeline();
    const line = (name: string): string => lineOf('github-actions.yml', 'network', name);
    const env = {
      PROVISION_INVENTORY: 'inventory/prod',
      GITHUB_OUTPUT: project.at('output'),
      GITHUB_STEP_SUMMARY: project.at('summary'),
      SSH_KEY: 'a\nkey',
      KNOWN_HOSTS: 'gw1 ssh-ed25519 AAAA',
      WEBHOOK: 'https://hooks.example.org/x',
    };
    expect((await run(line('npm ci'))).code).toBe(0);
    expect((await run(line('key and known hosts'), env)).code).toBe(0);
    expect(readFileSync(project.at('.ssh/id_ed25519'), 'utf8')).toBe('a\nkey\n');
    expect(await run(line('plan'), env)).toMatchObject({ code: 0 });
    expect(existsSync(project.at('playbooks/remote/db1'))).toBe(false);
    expect(await run(line('drift'), env)).toMatchObject({ code: 2 });
    expect(readFileSync(project.at('output'), 'utf8')).toBe('code=2\n');
    expect(await run(line('tell about drift'), env)).toMatchObject({ code: 0 });
    expect(readFileSync(project.at('curl.args'), 'utf8')).toContain(
      '@report.md\nhttps://hooks.example.org/x\n',
    );
    expect(await run(line('summary'), env)).toMatchObject({ code: 0 });
    expect(readFileSync(project.at('summary'), 'utf8')).toContain('db1');
    expect(await run(line('apply'), env)).toMatchObject({ code: 0 });
    expect(existsSync(project.at('playbooks/remote/db1'))).toBe(true);
    expect(await run(line('drift'), env)).toMatchObject({ code: 0 });
    expect(readReport(project.at('report.json')).exitCode).toBe(0);
  }, 120_000);

  it('the matrix of GitHub Actions, and its merge', async () => {
    const { project, run } = await pipeline();
    const part = lineOf('github-matrix.yml', 'part', 'npx provision');
    expect(part).toContain('${{ matrix.part }}/4');
    for (const number of ['1', '2', '3', '4'])
      expect(await run(part.replaceAll('${{ matrix.part }}', number))).toMatchObject({ code: 0 });
    expect(await run(lineOf('github-matrix.yml', 'whole', 'npx provision'))).toMatchObject({ code: 0 });
    const report = readReport(project.at('report.json'));
    expect([report.hosts.map(({ name, status }) => [name, status]), report.merged?.length]).toEqual([
      [['db1', 'changed']],
      4,
    ]);
    expect(existsSync(project.at('report.md'))).toBe(true);
  }, 120_000);

  it('GitLab CI: plan, the parts and their merge, drift', async () => {
    const { project, run } = await pipeline();
    const jobs = parse(textOf('gitlab-ci.yml')) as Record<string, { script: string[] }>;
    const job = (name: string, env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
      run((jobs[name]?.script ?? ['exit 99']).join('\n'), { PROVISION_INVENTORY: 'inventory/prod', ...env }, [
        'sh',
        '-e',
        '-c',
      ]);
    expect(await job('plan')).toMatchObject({ code: 0 });
    expect(await job('drift')).toMatchObject({ code: 2 });
    for (const index of ['1', '2', '3', '4'])
      expect(await job('apply', { CI_NODE_INDEX: index, CI_NODE_TOTAL: '4' })).toMatchObject({ code: 0 });
    expect(await job('whole')).toMatchObject({ code: 0 });
    expect(readReport(project.at('report.json')).hosts.map(({ status }) => status)).toEqual(['changed']);
    expect(await job('drift')).toMatchObject({ code: 0 });
  }, 120_000);

  it('Jenkins', async () => {
    const { run } = await pipeline();
    const lines = [...textOf('Jenkinsfile').matchAll(/sh(?: |\(.*?script: )'([^']+)'/g)].map(
      ([, line = '']) => line,
    );
    expect(lines).toHaveLength(3);
    const codes: number[] = [];
    for (const line of lines.toReversed())
      codes.push((await run(line, { PROVISION_INVENTORY: 'inventory/prod' }, ['sh', '-xe', '-c'])).code);
    // Drift before the run that mends it; npm ci last.
    expect(codes).toEqual([2, 0, 0]);
  }, 120_000);

  it('drift.sh: says nothing in sync, tells of drift and of trouble, by mail and webhook', async () => {
    const { project, host, run } = await pipeline(FAILING);
    const drift = (env: NodeJS.ProcessEnv = {}): Promise<Ran> => {
      ['mail', 'curl'].forEach((name) => rmSync(project.at(`${name}.args`), { force: true }));
      const script = path.resolve('docs/ci/drift.sh');
      return run(
        script,
        {
          PROJECT: project.directory,
          MAIL_TO: 'ops@example.org',
          WEBHOOK: 'https://hooks.example.org/y',
          ...env,
        },
        ['sh'],
      );
    };
    const told = (name: string): string | null =>
      existsSync(project.at(`${name}.args`)) ? readFileSync(project.at(`${name}.args`), 'utf8') : null;
    expect(await drift()).toMatchObject({ code: 2 });
    expect(told('mail')).toBe('-s\ndrift: hosts differ, or checks fail\nops@example.org\n');
    expect(readFileSync(project.at('mail.in'), 'utf8')).toContain('db1');
    expect(told('curl')).toContain('X-Subject: drift: hosts differ, or checks fail\n');
    project.write('playbooks/gateway.ts', MARKS);
    project.write('playbooks/remote/db1', '');
    expect([await drift(), told('mail'), told('curl')]).toEqual([{ code: 0, output: '' }, null, null]);
    await host.close();
    expect((await drift({ WEBHOOK: '' })).code).toBe(1);
    expect([told('mail'), told('curl')]).toEqual([
      '-s\ndrift unknown: provision ended 1\nops@example.org\n',
      null,
    ]);
    expect((await drift({ PROJECT: '/nowhere/at/all' })).code).toBe(1);
    expect(() => execFileSync('sh', ['-n', 'docs/ci/drift.sh'])).not.toThrow();
  }, 120_000);

  it('the command of the Kubernetes Job, in each of its pods', async () => {
    const { project, run } = await pipeline();
    const { spec } = parse(textOf('kubernetes-job.yml')) as {
      spec: { completions: number; template: { spec: { containers: { command: string[] }[] } } };
    };
    const [, , command = 'exit 99'] = spec.template.spec.containers[0]?.command ?? [];
    expect(command).toContain(`auto/${spec.completions} `);
    for (let index = 0; index < spec.completions; index += 1)
      expect(await run(command, { JOB_COMPLETION_INDEX: String(index) }, ['sh', '-c'])).toMatchObject({
        code: 0,
      });
    expect(await run('npx provision report merge reports/part-*.json --report report.json')).toMatchObject({
      code: 0,
    });
    expect(readReport(project.at('report.json')).hosts.map(({ status }) => status)).toEqual(['changed']);
  }, 240_000);
});
