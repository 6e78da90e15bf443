import { complain, shown, text } from './text.ts';

const BITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9, tbit: 1e12 };
const RATE = /^(\d{1,9}(?:\.\d{1,6})?)(bit|kbit|mbit|gbit|tbit)$/;
const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 };
const DURATION = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$/;

/** A rate in the words of tc(8): decimal units, bits per second. */
export const rate = text(
  'A rate in bits per second, as 1500mbit, 1gbit or 512kbit (1 mbit = 1,000,000 bit/s).',
  {
    complaint: (value) =>
      bitsPerSecond(value) >= 1
        ? undefined
        : complain(
            `${shown(value)} is not a rate`,
            'Write a number with bit, kbit, mbit or gbit, as 1500mbit.',
          ),
    pattern: '^\\d+(\\.\\d+)?(bit|kbit|mbit|gbit|tbit)$',
  },
);

/** Bits per second of a checked rate; NaN for any other text. */
export function bitsPerSecond(value: string): number {
  const match = RATE.exec(value);
  return Math.round(Number(match?.[1]) * (BITS[match?.[2] ?? ''] ?? NaN));
}

/** A time with its unit. */
export const duration = text('A time with its unit: ms, s, m, h or d, as 300s.', {
  complaint: (value) =>
    durationSeconds(value) > 0
      ? undefined
      : complain(
          `${shown(value)} is not a time above zero`,
          'Write a number with ms, s, m, h or d, as 300s.',
        ),
  pattern: '^\\d+(\\.\\d+)?(ms|s|m|h|d)$',
});

/** Seconds of a checked time; NaN for any other text. */
export function durationSeconds(value: string): number {
  const match = DURATION.exec(value);
  return Number(match?.[1]) * (SECONDS[match?.[2] ?? ''] ?? NaN);
}
