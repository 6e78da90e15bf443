import { isIPv4 } from 'node:net';
import type { Check, CheckWhen } from '../model/check.ts';
import type { Place } from '../model/error.ts';
import type { CheckSpec, PlayContext } from '../model/playbook.ts';
import { sh } from '../shell/quote.ts';
import { egressDiagnosis } from './egress-diagnosis.ts';
import { echoUrls, scriptAt, vantages } from './vantage.ts';

export const NO_WAY_OUT = 'no way out';

export interface EgressOptions {
  /** A host, a group (asked from each of its hosts), a user (`host#user`) or container (`host/name`) of a host, or `controller`. */
  readonly from: string;
  /** The address of the vantage that is used as the source; left out = the one it takes by itself. */
  readonly source?: string;
  /** The public address that the outside must see, or several of which one must; a function may look it up. */
  readonly expect: string | readonly string[] | ((context: PlayContext) => string | readonly string[]);
  /** What to ask instead of the vantage's `echo_url`: a URL that answers with the caller's address. */
  readonly to?: string;
  readonly name?: string;
  readonly when?: CheckWhen;
  readonly onFail?: 'revert' | 'warn';
  readonly retries?: number;
  /** Seconds. */
  readonly timeout?: number;
  /** No error when there is no such host or group. */
  readonly optional?: boolean;
  /** Where the inventory asks for what this proves. */
  readonly place?: Place | undefined;
}

/** Asks each URL in turn for the caller's address; at most 64 bytes of the answer are looked at. */
const script = (urls: readonly string[], timeout: number, source: readonly string[]): string =>
  urls.length === 0
    ? sh`echo ${'no echo_url in the inventory'}; exit 69`
    : sh`command -v curl >/dev/null || { echo 'curl is not installed'; exit 69; }
for url in ${urls}; do
  if got=$(curl -4 -s -f -m ${timeout} ${source} --noproxy '*' --max-filesize 4096 -- "$url" 2>/dev/null); then
    printf '%s\n' "$got" | head -n 1 | head -c 64; exit 0
  fi
done
echo none; exit 1`;

/** The answer is somebody else's text: one IPv4 address or nothing. */
function read(output: string): string {
  const answer = output.trim();
  if (answer === 'none' || answer === '') return NO_WAY_OUT;
  return isIPv4(answer) ? answer : 'an answer that is no address';
}

/** curl(1): an address is bound, nothing else is. */
const sourceOf = (source: string | undefined): string[] =>
  source === undefined ? [] : ['--interface', source];

function checks(
  options: EgressOptions,
  kind: string,
  wanted: string | readonly string[],
  context: PlayContext,
): Check[] {
  const any = typeof wanted === 'string' ? [wanted] : wanted;
  const expected = any.join(' or ');
  const timeout = options.timeout ?? 3;
  return vantages(options.from, context, options.optional ?? false).map((from) => {
    const urls = options.to === undefined ? echoUrls(from, context) : [options.to];
    return {
      name: options.name ?? (kind === 'egress' ? `${from} leaves by ${expected}` : `${from} has no way out`),
      from,
      kind,
      to: urls[0] ?? 'outside',
      expect: expected,
      when: options.when ?? 'always',
      onFail: options.onFail ?? 'warn',
      retries: options.retries ?? (kind === 'egress' ? 1 : 0),
      timeout,
      script: scriptAt(from, script(urls, timeout, sourceOf(options.source))),
      place: options.place,
      diagnosis:
        kind === 'egress' && options.source === undefined
          ? egressDiagnosis(from, any, urls, context)
          : undefined,
      read: (output) => {
        const got = read(output);
        return any.includes(got) ? expected : got;
      },
    };
  });
}

/** From there, the outside sees this public address. */
export const egress =
  (options: EgressOptions): CheckSpec =>
  (context) =>
    checks(
      options,
      'egress',
      typeof options.expect === 'function' ? options.expect(context) : options.expect,
      context,
    );

/** From there, nothing outside is reached: the negative of `egress`. */
export const noEgress =
  (options: Omit<EgressOptions, 'expect'>): CheckSpec =>
  (context) =>
    checks({ timeout: 2, ...options, expect: NO_WAY_OUT }, 'no-egress', NO_WAY_OUT, context);
