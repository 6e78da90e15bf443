import { describe, expect, it } from '@jest/globals';
import { MASK } from '../../../src/model/mask.ts';
import { readSecrets, Secret } from '../../../src/model/secret.ts';
import type { ProbeOutput } from '../../../src/model/resource.ts';
import { unifiedDiff } from '../../../src/reporters/diff.ts';
import { command, defineResource, file, sysctl, toBaseline } from '../../../src/resources/index.ts';
import { facts, stepsOf } from './conformance.ts';

const VALUE = `s3cret "of" it's`;
const out = (stdout: string): ProbeOutput => ({ stdout, code: 0 });
const plain = { green: String, red: String, cyan: String } as never;
/** A secret that nobody has read yet. */
const unread = (value = VALUE): Secret => new Secret(() => value);
const inFile = (secret: Secret, more: object = {}) =>
  file({ path: '/etc/app.env', content: `PASSWORD=${String(secret)}\n`, ...more });

describe('a file that holds a secret', () => {
  it('is written with the value, and says it nowhere else', async () => {
    const secret = unread();
    const resource = inFile(secret);
    expect(resource.secrets).toEqual([secret]);
    expect(
      JSON.stringify({ id: resource.id, declared: resource.declared, probe: resource.probe }),
    ).not.toContain('s3cret');
    expect(() => resource.plan(out('absent\n'), facts)).toThrow('not been read');
    await readSecrets(resource.secrets ?? []);
    const change = resource.plan(out('absent\n'), facts);
    expect(stepsOf(change?.apply).join()).toContain(`PASSWORD=s3cret "of" it'\\''s`);
    expect(JSON.stringify(change?.changes)).not.toContain('s3cret');
    expect(unifiedDiff(change as never, plain)).toEqual([
      '/etc/app.env: its content is not shown: it is secret, or not for everybody on the host',
    ]);
    // Matching text on the host is no change.
    expect(resource.plan(out(`0600 root root\nPASSWORD=${VALUE}\n`), facts)).toBeNull();
  });

  it('what was in it before is not shown either: it may be an older secret', async () => {
    const resource = inFile(unread());
    await readSecrets(resource.secrets ?? []);
    const change = resource.plan(out('0644 root root\nPASSWORD=rotated-long-ago\n'), facts);
    expect(change?.changes.map(({ field, before, after }) => [field, before, after])).toEqual([
      ['content', MASK, MASK],
      ['mode', '0644', '0600'],
    ]);
    expect(change?.text).toMatchObject({ hidden: true, before: MASK });
  });

  it('is for its owner only; who lets everybody in is told', () => {
    const secret = unread();
    expect(inFile(secret, { mode: '0640', group: 'app' }).id).toBe('file:/etc/app.env');
    expect(() => inFile(secret, { mode: '0644' })).toThrow(
      'file /etc/app.env holds a secret, and everybody could read it by mode 0644.',
    );
  });

  it('going back to what was there needs no secret', () => {
    const resource = inFile(unread());
    expect(toBaseline(resource).secrets).toEqual([]);
    const baseline = { state: { saved: null }, text: null, paths: ['/etc/app.env'] };
    const change = toBaseline(resource).plan(out(`0600 root root\nPASSWORD=${VALUE}\n`), facts, { baseline });
    expect(stepsOf(change?.apply)).toEqual([`rm -f '/etc/app.env'`]);
    expect(JSON.stringify(change?.changes)).not.toContain('s3cret');
  });

  it('two that differ in their secret only are two', () => {
    const [one, other] = [unread('value one'), unread('value two')];
    expect(inFile(one).declared).toBe(inFile(one).declared);
    expect(inFile(one).declared).not.toBe(inFile(other).declared);
    expect(file({ path: '/x', content: one }).declared).not.toBe(
      file({ path: '/x', content: other }).declared,
    );
  });

  it('a secret that was cut is refused: it would be written as dots', () => {
    expect(() => file({ path: '/x', content: String(unread()).slice(0, 9) })).toThrow(
      'file:/x holds a piece of a secret: it was cut or changed.',
    );
  });
});

it('a file that not everybody may read on the host is not shown, whatever is in it', () => {
  const resource = file({ path: '/etc/key', content: 'new\n', mode: '0600' });
  const change = resource.plan(out('0600 root root\nold key\n'), facts);
  expect(change?.changes.map(({ before, after }) => [before, after])).toEqual([[MASK, MASK]]);
  // Control: one that everybody may read is.
  const open = file({ path: '/etc/key', content: 'new\n' }).plan(out('0644 root root\nold\n'), facts);
  expect(open?.changes.map(({ before, after }) => [before, after])).toEqual([['old\n', 'new\n']]);
  expect(unifiedDiff(open as never, plain).join('\n')).toContain('+new');
});

describe('other kinds', () => {
  it('refuse a secret: it would be in a list of processes, or in a plan', () => {
    const secret = String(unread());
    expect(() => command({ name: 'x', check: 'false', run: `login ${secret}`, undo: 'true' })).toThrow(
      'command:x cannot hold a secret.',
    );
    expect(() => sysctl({ name: 'x', values: { 'kernel.domainname': secret }, content: '' })).toThrow(
      'sysctl:x cannot hold a secret.',
    );
  });

  const vaultless = defineResource<
    { name: string; token: string | Secret },
    { saved: { token: string } | null }
  >({
    kind: 'login',
    secrets: true,
    name: ({ name }) => name,
    desired: ({ token }) => ({ saved: { token: String(token) } }),
    probe: ({ name }) => `cat /etc/login-${name}`,
    parse: ({ stdout }) => (stdout === '' ? { saved: null } : { saved: { token: stdout.trim() } }),
    transition: ({ to }) => ({ steps: [`echo '${to.saved?.token ?? ''}' > /etc/login`] }),
  });

  it('of one’s own may take secrets, in all but their name and probe', async () => {
    const resource = vaultless({ name: 'x', token: unread('token-of-login') });
    await readSecrets(resource.secrets ?? []);
    const change = resource.plan(out(''), facts);
    expect(stepsOf(change?.apply)).toEqual([`echo 'token-of-login' > /etc/login`]);
    expect(JSON.stringify(change?.changes)).not.toContain('token-of-login');
    expect(() => vaultless({ name: String(unread()), token: 'x' })).toThrow(
      'a secret cannot be part of its name',
    );
  });
});
