import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isProvisionError } from '../../src/model/error.ts';
import type { ProvisionError } from '../../src/model/error.ts';
import { openSecrets, readSecrets, Secret, secretsIn } from '../../src/model/secret.ts';
import { templates } from '../../src/templating.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'provision-templates-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string): void => {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  writeFileSync(path.join(root, name), text);
};
const failure = (act: () => unknown): ProvisionError => {
  try {
    act();
  } catch (error) {
    if (isProvisionError(error)) return error;
  }
  throw new Error('nothing was thrown');
};

describe('templates', () => {
  it('are looked up in order: the first directory that has one wins', () => {
    write('a/x.hbs', 'mine');
    write('b/x.hbs', 'theirs');
    write('b/y.hbs', 'only here');
    const render = templates([path.join(root, 'a'), path.join(root, 'b')]);
    expect([render('x', {}), render('y', {})]).toEqual(['mine', 'only here']);
  });

  it('write JSON values by a helper, which takes nothing for nothing', () => {
    write('x.hbs', '{{json text}} {{json list}}{{#each map}} {{json @key}}: {{json this}}{{/each}}');
    const data = { text: 'a "b"', list: [1, 'c'], map: { k: 'v' } };
    expect(templates([root])('x', data)).toBe('"a \\"b\\"" [1,"c"] "k": "v"');
    write('y.hbs', '{{json missing}}');
    expect(failure(() => templates([root])('y', {})).message).toContain('not defined');
  });

  it('escape nothing by themselves: configuration files are no HTML', () => {
    write('x.hbs', '{{value}}');
    expect(templates([root])('x', { value: `a & b = "c"` })).toBe('a & b = "c"');
  });

  it('escape XML where asked to, and refuse what is not there', () => {
    write('x.hbs', '<a b="{{xml value}}"/>');
    expect(templates([root])('x', { value: `<&"'>` })).toBe('<a b="&lt;&amp;&quot;&apos;&gt;"/>');
    expect(failure(() => templates([root])('x', { value: undefined })).code).toBe('template');
  });

  it('write one shell word where asked to, and refuse what is not there', () => {
    write('x.hbs', 'ip link show {{sh value}}');
    expect(templates([root])('x', { value: `a'b $(id)` })).toBe(`ip link show 'a'\\''b $(id)'`);
    expect(failure(() => templates([root])('x', { value: undefined })).code).toBe('template');
  });

  it('an unknown value is an error with its line', () => {
    write('x.hbs', 'one\ntwo {{missing}}\n');
    const error = failure(() => templates([root])('x', {}));
    expect(error.message).toContain('"missing" not defined');
    expect(error.place).toMatchObject({ file: path.join(root, 'x.hbs'), line: 2 });
    expect(error.frame).toContain('two {{missing}}');
  });

  it('a missing one says where it was looked for', () => {
    expect(failure(() => templates([root])('nope', {})).message).toContain(root);
  });

  it('a secret stays one, also where it is quoted or stands in a longer value', async () => {
    const secret = new Secret(() => `it's <&>`);
    write('a/env.hbs', 'PW={{sh password}}\nXML={{xml password}}\nURL={{xml url}}\nPLAIN={{password}}\n');
    const text = templates([path.join(root, 'a')])('env', { password: secret, url: `u:${String(secret)}@h` });
    expect(text).not.toContain('<');
    await readSecrets(secretsIn(text));
    expect(openSecrets(text)).toBe(
      `PW='it'\\''s <&>'\nXML=it&apos;s &lt;&amp;&gt;\nURL=u:it&apos;s &lt;&amp;&gt;@h\nPLAIN=it's <&>\n`,
    );
  });

  it('an error names no secret', () => {
    const secret = new Secret('marker-of-a-template');
    write('a/wrong.hbs', '{{password.nothing.more}}');
    const error = failure(() => templates([path.join(root, 'a')])('wrong', { password: secret }));
    expect(`${error.message}${error.frame ?? ''}${error.stack ?? ''}`).not.toContain('marker-of-a-template');
  });
});
