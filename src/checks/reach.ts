import type { CheckWhen } from '../model/check.ts';
import type { Place } from '../model/error.ts';
import type { CheckSpec } from '../model/playbook.ts';
import { sh } from '../shell/quote.ts';
import { scriptAt, vantages } from './vantage.ts';

export interface ReachOptions {
  readonly from: string;
  /** IPv4 address and TCP port: `203.0.113.10:8080`. */
  readonly to: string;
  readonly expect: 'open' | 'closed';
  readonly name?: string;
  readonly when?: CheckWhen;
  readonly onFail?: 'revert' | 'warn';
  readonly retries?: number;
  /** Seconds. */
  readonly timeout?: number;
  readonly optional?: boolean;
  /** Where the inventory asks for what this proves. */
  readonly place?: Place | undefined;
}

/** curl says how long the TCP connect took, whatever the server then says; zero = never connected (curl(1), -w). */
const script = (to: string, timeout: number): string =>
  sh`command -v curl >/dev/null || { echo 'curl is not installed'; exit 69; }
took=$(curl -4 -s -o /dev/null -m ${timeout} --noproxy '*' --http0.9 -w '%{time_connect}' -- ${`http://${to}/`} </dev/null 2>/dev/null)
case "$took" in 0.000000|0,000000|0|'') echo closed; exit 1;; *) echo open;; esac`;

/** From there, a TCP port answers (`open`) or must not (`closed`). */
export const reach =
  (options: ReachOptions): CheckSpec =>
  (context) => {
    const timeout = options.timeout ?? (options.expect === 'open' ? 3 : 2);
    return vantages(options.from, context, options.optional ?? false).map((from) => ({
      name: options.name ?? `${from} finds ${options.to} ${options.expect}`,
      from,
      kind: 'reach',
      to: options.to,
      expect: options.expect,
      when: options.when ?? 'always',
      onFail: options.onFail ?? 'warn',
      retries: options.retries ?? (options.expect === 'open' ? 1 : 0),
      timeout,
      script: scriptAt(from, script(options.to, timeout)),
      place: options.place,
      read: (output) => (output.trim() === 'open' ? 'open' : 'closed'),
    }));
  };
