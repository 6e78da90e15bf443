import type { CheckWhen } from '../model/check.ts';
import type { CheckSpec } from '../model/playbook.ts';
import { sh } from '../shell/quote.ts';
import { vantages } from './vantage.ts';

export interface SpreadOptions {
  readonly from: string;
  /** A URL whose answer begins with a word of each server's own, as its host name. */
  readonly to: string;
  /** The weight of each server that should answer, in any order. */
  readonly weights: readonly number[];
  /** How many connections are made, one after another. */
  readonly requests?: number;
  readonly name?: string;
  readonly when?: CheckWhen;
  readonly onFail?: 'revert' | 'warn';
  readonly retries?: number;
  /** Seconds for one connection. */
  readonly timeout?: number;
  readonly optional?: boolean;
}

/** Enough to tell weights 3 and 1 from equal ones, and to meet each server. */
const REQUESTS = 60;
/** Answers further away from their share than so many standard deviations are not by chance (once in 16,000). */
const DEVIATIONS = 4;

/** One line: how often each first word came, as `20 s14,20 s15`. What is no plain word counts as `?`. */
const script = (to: string, requests: number, timeout: number): string =>
  sh`command -v curl >/dev/null || { echo 'curl is not installed'; exit 69; }
i=0
while [ "$i" -lt ${requests} ]; do
  curl -4 -s -m ${timeout} --noproxy '*' --max-filesize 65536 -- ${to} 2>/dev/null | head -c 200 | head -n 1 | cut -d ' ' -f 1 | sed 's/^.*[^A-Za-z0-9._-].*$/?/' | grep . || echo none
  i=$((i + 1))
done | sort | uniq -c | awk '{ printf "%s%s %s", (NR > 1) ? "," : "", $1, $2 }'`;

/** `20 s14,20 s15` → how many answers came from how many; anything else is nothing. */
function countsIn(output: string): { word: string; count: number }[] {
  return output
    .trim()
    .split(',')
    .flatMap((item) => {
      const [, count, word] = /^(\d{1,6}) ([A-Za-z0-9._?-]{1,64})$/.exec(item.trim()) ?? [];
      return count === undefined || word === undefined ? [] : [{ word, count: Number(count) }];
    });
}

/** Is each count near its share? The most answers belong to the greatest weight. */
function near(counts: readonly number[], weights: readonly number[]): boolean {
  const [total, sum] = [counts, weights].map((all) => all.reduce((a, b) => a + b, 0)) as [number, number];
  const descending = (all: readonly number[]): number[] => all.toSorted((a, b) => b - a);
  const wanted = descending(weights);
  return descending(counts).every((count, index) => {
    const share = (wanted[index] ?? 0) / sum;
    return Math.abs(count - total * share) <= DEVIATIONS * Math.sqrt(total * share * (1 - share)) + 1;
  });
}

/** From there, connections are spread over so many servers, near their weights, and each of them answers. */
export const spread =
  (options: SpreadOptions): CheckSpec =>
  (context) => {
    const weights = options.weights.filter((weight) => weight > 0);
    const requests = options.requests ?? Math.max(REQUESTS, 5 * weights.length);
    const timeout = options.timeout ?? 3;
    const expect = `${weights.length} servers by weights ${weights.join(':')}`;
    return vantages(options.from, context, options.optional ?? false).map((from) => ({
      name: options.name ?? `${from} finds ${options.to} spread`,
      from,
      kind: 'spread',
      to: options.to,
      expect,
      when: options.when ?? 'change',
      onFail: options.onFail ?? 'warn',
      retries: options.retries ?? 1,
      // All of its connections are one attempt.
      timeout: timeout * requests,
      script: script(options.to, requests, timeout),
      read: (output) => {
        const counts = countsIn(output);
        const answered = counts.filter(({ word }) => word !== 'none');
        const whole = answered.length === counts.length && answered.length === weights.length;
        return whole &&
          near(
            answered.map(({ count }) => count),
            weights,
          )
          ? expect
          : counts.length === 0
            ? 'no answer'
            : counts.map(({ word, count }) => `${word} ${count}`).join(', ');
      },
    }));
  };
