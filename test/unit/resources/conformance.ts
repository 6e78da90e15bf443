import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { scriptFor } from '../../probed.ts';
import type {
  Facts,
  ProbeOutput,
  Resource,
  ResourceChange,
  Transition,
} from '../../../src/model/resource.ts';

export const facts: Facts = {
  hostname: 'gw1',
  kernel: '6.1.0',
  init: 'systemd',
  os: { id: 'debian', like: [], version: '12' },
  sshPort: 22,
  sshClient: '198.18.0.2',
  ssh: { client: '198.18.0.2', clientPort: 50022, address: '172.31.0.2', port: 22, nic: 'eth0' },
  ipv6Route: false,
};

/** A capture of what the probe printed on a real host. */
export const captured = (name: string): ProbeOutput => ({
  stdout: readFileSync(`test/fixtures/probes/${name}.txt`, 'utf8'),
  code: 0,
});

const HOSTILE = `"; touch /tmp/pwned; $(id) \`id\` 'x' \\ -oProxyCommand=x\n#`;

/** All that a transition does, in order. */
export const stepsOf = (transition: Transition | undefined): string[] => [
  ...(transition?.writes ?? []),
  ...(transition?.steps ?? []),
];

/** Shell text parses (and does not run): dash is the strictest of the shells that hosts have. */
function parses(script: string): boolean {
  try {
    execFileSync('dash', ['-n'], { input: script, stdio: ['pipe', 'ignore', 'pipe'] });
    return true;
  } catch {
    return false;
  }
}

const scripts = (change: ResourceChange): string[] => [
  ...(change.apply.writes ?? []),
  ...change.apply.steps,
  ...(change.revert.writes ?? []),
  ...change.revert.steps,
  ...[...(change.apply.handlers ?? []), ...(change.revert.handlers ?? [])].map((handler) => handler.script),
];

export interface Conformance {
  readonly resource: Resource;
  /** Captures by the state they show. */
  readonly matching: ProbeOutput;
  readonly absent: ProbeOutput;
  readonly different: ProbeOutput;
  /** Fields that `different` differs in, as `layer.field`. */
  readonly differs: readonly string[];
  /** The same kind of resource with this text in every string that may hold it. */
  readonly hostile: (text: string) => Resource;
  /** What an absent one is called: most are created, a service that is not there is changed. */
  readonly actionWhenAbsent?: 'create' | 'update';
  /** Without the tool there is nothing to change: it is what the tool does that is mended. */
  readonly needsNoTool?: true;
}

/** What every resource must do, whatever its kind. */
export function describeResource(kind: string, conformance: Conformance): void {
  const { resource, matching, absent, different } = conformance;
  describe(`${kind} conforms`, () => {
    it('has an id of its kind and name', () => {
      expect(resource.id).toMatch(new RegExp(`^${kind}:.+`));
      expect(resource.kind).toBe(kind);
    });

    it('plans nothing when the host is as declared', () => {
      expect(resource.plan(matching, facts)).toBeNull();
    });

    it('creates what is absent', () => {
      expect(resource.plan(absent, facts)?.changes[0]?.action).toBe(conformance.actionWhenAbsent ?? 'create');
    });

    it('names the fields that differ, each in its layer', () => {
      const fields = resource
        .plan(different, facts)
        ?.changes.map((change) => `${change.layer}.${change.field}`);
      expect(fields).toEqual(conformance.differs);
    });

    it('says every change in a sentence', () => {
      for (const change of resource.plan(different, facts)?.changes ?? [])
        expect(change.sentence.length).toBeGreaterThan(10);
    });

    it('treats a missing tool as absent, not as a crash', () => {
      const planned = resource.plan({ stdout: '', code: 127 }, facts);
      expect(planned !== null).toBe(!conformance.needsNoTool);
    });

    it('writes shell that parses, there and back', () => {
      expect(parses(scriptFor(resource))).toBe(true);
      for (const output of [absent, different]) {
        const change = resource.plan(output, facts);
        expect(change && scripts(change).every(parses)).toBe(true);
      }
    });

    it('keeps hostile values quoted: the shell finds no command in them', () => {
      const hostile = conformance.hostile(HOSTILE);
      const change = hostile.plan({ stdout: '', code: 0 }, facts);
      for (const script of [scriptFor(hostile), ...(change ? scripts(change) : [])]) {
        expect(parses(script)).toBe(true);
        expect(outsideQuotes(script)).not.toContain('touch /tmp/pwned');
      }
    });
  });
}

/** The text of a script that a shell would read outside single quotes; outside of them a backslash quotes one. */
function outsideQuotes(script: string): string {
  return script.replaceAll(/'[^']*'|\\'/g, '');
}

describe('the detector for hostile values', () => {
  it('control: sees a value that was not quoted', () => {
    expect(outsideQuotes(`echo ${HOSTILE}`)).toContain('touch /tmp/pwned');
  });
});
