import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { keepFromOutput, MASK, masked, maskedData } from '../../../src/model/mask.ts';
import { problemsOf, ProvisionError } from '../../../src/model/error.ts';
import {
  holdsBrokenSecret,
  openSecrets,
  readSecrets,
  Secret,
  secretOf,
  secretsIn,
} from '../../../src/model/secret.ts';

const VALUE = `h0rse "staple" it's & <more>`;

describe('a secret', () => {
  it('shows itself in no text, JSON or inspection', () => {
    const secret = new Secret(VALUE);
    const texts = [
      String(secret),
      `${String(secret)}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ secret }),
    ];
    for (const text of texts) expect(text).not.toContain('h0rse');
    expect(texts.map(masked)).toEqual([MASK, MASK, `{"secret":"${MASK}"}`, MASK, `{ secret: ${MASK} }`]);
  });

  it('comes back where secrets are put into their places, also inside longer text and JSON', async () => {
    const secret = new Secret(VALUE);
    expect(openSecrets(`a=${String(secret)};b=${String(secret)}`)).toBe(`a=${VALUE};b=${VALUE}`);
    const json = JSON.stringify({ a: [secret] });
    await readSecrets(secretsIn(json));
    expect(openSecrets({ in: [json] }).in[0]).toContain('h0rse \\"staple\\"');
    expect(openSecrets({ a: [secret, 1] })).toEqual({ a: [VALUE, 1] });
  });

  it('is read once, when it is needed, whoever asks', async () => {
    let reads = 0;
    const secret = new Secret(() => Promise.resolve(`value ${(reads += 1)}`));
    const derived = secret.map((value) => value.toUpperCase());
    expect([reads, secretsIn({ deep: [`x${String(secret)}`] })]).toEqual([0, [secret]]);
    expect(() => secret.reveal()).toThrow('not been read');
    await readSecrets([derived, secret, secretOf(`a ${String(secret)} b`)]);
    expect([reads, secret.reveal(), derived.reveal()]).toEqual([1, 'value 1', 'VALUE 1']);
  });

  it('can be named by nobody else: a token that was made up stands for nothing', () => {
    const token = String(new Secret(VALUE));
    const made = token.replace(/./u, '•').slice(0, -4) + token.slice(-2);
    expect(secretsIn(made)).toEqual([]);
    expect(openSecrets(made)).toBe(made);
    expect(holdsBrokenSecret(made)).toBe(true);
    expect(holdsBrokenSecret(`a ${token} b`)).toBe(false);
    expect(holdsBrokenSecret(token.slice(0, 10))).toBe(true);
  });

  it('is found in plain data, and getters are not read for it', () => {
    const secret = new Secret(VALUE);
    const data = { a: [{ b: secret }] };
    Object.defineProperty(data, 'c', {
      get: () => {
        throw new Error('read');
      },
      enumerable: true,
    });
    expect(secretsIn(data)).toEqual([secret]);
  });

  it('every reason that some cannot be had is told, each once', async () => {
    const failing = (message: string): Secret =>
      new Secret(() => Promise.reject(new ProvisionError('inventory', message)));
    const load = readSecrets([failing('a'), failing('b'), failing('a'), new Secret('fine value')]);
    await load.then(
      () => Promise.reject(new Error('it should have failed')),
      (error: unknown) => expect(problemsOf(error).map(({ message }) => message)).toEqual(['a', 'b']),
    );
  });
});

describe('the net', () => {
  // Letters that base64 and URLs write differently.
  const value = `n3t/?va1ue+'of"all&`;
  keepFromOutput(value);
  const encoded = (text: string): string => Buffer.from(text).toString('base64');

  it.each([
    ['as it is', `x ${value} y`],
    ['in JSON', JSON.stringify({ a: `x${value}y` })],
    ['quoted for a shell', `'${value.replaceAll("'", `'\\''`)}'`],
    ['in a URL', `https://u:${encodeURIComponent(value)}@h/`],
    ['in XML', '<a>n3t/?va1ue+&apos;of&quot;all&amp;</a>'],
    ['in hexadecimal', Buffer.from(value).toString('hex')],
    ['in base64, whole', encoded(value)],
    ['in base64, behind one character', encoded(`:${value}`)],
    ['in base64, behind two and before some', encoded(`u:${value}:more`)],
    ['in the base64 of URLs', Buffer.from(`u:${value}`).toString('base64url')],
  ])('%s', (_name, text) => {
    const shown = masked(text);
    expect(shown).toContain(MASK);
    for (const part of ['n3t', 'va1ue', encoded(value).slice(4, 16), encoded(`:${value}`).slice(4, 16)])
      expect(shown).not.toContain(part);
  });

  it('single lines of a value with several, but not those that say nothing', () => {
    keepFromOutput('-----BEGIN KEY-----\nfirst-line-of-it\nab\nsecond-line-of-it\n');
    expect(masked('error in first-line-of-it and ab')).toBe(`error in ${MASK} and ab`);
  });

  it('data: texts are masked, our own words and other things stay', () => {
    keepFromOutput('changed');
    const error = new Error('x');
    expect(
      maskedData({ status: 'changed', sentence: 'it changed', list: ['changed', 1, null], error }),
    ).toEqual({
      status: 'changed',
      sentence: `it ${MASK}`,
      list: [MASK, 1, null],
      error,
    });
  });

  it('a value of three letters is in every word: it is not looked for', () => {
    keepFromOutput('abc');
    expect(masked('abcdef')).toBe('abcdef');
  });

  it('many secrets and a long text are no quadratic work', () => {
    for (let index = 0; index < 5000; index++) keepFromOutput(`se${index}cret-number-${index}`);
    const text = 'nothing to see here, move on\n'.repeat(20_000);
    const start = process.cpuUsage();
    expect(masked(text)).toBe(text);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(5);
  });
});
