import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../../src/model/error.ts';
import type { ProvisionError } from '../../../src/model/error.ts';
import { loadPlaybook } from '../../../src/playbook/load.ts';
import { play, playbook } from '../../../src/playbook/define.ts';

let root = '';
const cache = process.env['XDG_CACHE_HOME'];
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-playbook-'));
  process.env['XDG_CACHE_HOME'] = path.join(root, 'cache');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
  if (cache === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = cache;
});

const role = { name: 'none', build: () => ({ resources: [] }) };
const api = { play, playbook, role, natGateway: () => role };
const written = (text: string): string => {
  const file = path.join(root, `playbook-${Math.random()}.ts`);
  writeFileSync(file, text);
  return file;
};
const failure = async (text: string): Promise<ProvisionError> => {
  try {
    await loadPlaybook(written(text), api);
  } catch (error) {
    if (isProvisionError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const IMPORT = "import { natGateway, play, playbook, role } from 'provision';\n";

describe('a playbook', () => {
  it('is TypeScript that imports the running instance', async () => {
    const file = written(
      `${IMPORT}const name: string = 'x';\nexport default playbook(name, [play({ hosts: 'a', roles: [role] })]);\n`,
    );
    expect((await loadPlaybook(file, api)).plays[0]?.hosts).toBe('a');
  });

  it('is compiled into a cache that only its owner can write', async () => {
    await loadPlaybook(
      written(`${IMPORT}export default playbook('x', [play({ hosts: 'a', roles: [role] })]);\n`),
      api,
    );
    expect(lstatSync(path.join(root, 'cache/provision/playbooks')).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['a syntax error', 'export default {\n  a: 1,\n  b: = 2,\n};\n', /could not be loaded/, 3],
    ['an error of its own', `${IMPORT}\nthrow new Error('out of order');\n`, /out of order/, 3],
    ['no default export', 'export const a = 1;\n', /does not export a playbook/, undefined],
    ['something else as default', 'export default 7;\n', /does not export a playbook/, undefined],
    [
      'a play without hosts',
      `${IMPORT}export default playbook('x', [play({ roles: [role] } as any)]);\n`,
      /names no hosts/,
      undefined,
    ],
    [
      'a role that is not called',
      `${IMPORT}export default playbook('x', [play({ hosts: 'a', roles: [natGateway as any] })]);\n`,
      /is not called/,
      undefined,
    ],
  ])('with %s is refused with its place and what to write', async (_name, text, message, line) => {
    const error = await failure(text);
    expect(error.code).toBe('playbook');
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(/^(Mend|End it|Add|Write) /);
    expect(error.place?.line).toBe(line);
    if (line !== undefined) expect(error.frame).toMatch(new RegExp(`${line}`));
  });
});
