const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** More hosts than this from one name are a slip of the keyboard. */
const MOST_HOSTS = 20_000;

/**
 * The names that `web[01:10]`, `db-[a:f]` or `x[1:9:2]-[a:b]` stands for, the last range changing fastest;
 * a name without a range is itself. As Ansible: ends included, a leading zero fixes the width.
 * Throws RangeError with a sentence for a person.
 */
export function expandHostRange(name: string): string[] {
  const match = /^([^[\]]*)\[([^[\]]*)\](.*)$/.exec(name);
  if (!match) {
    if (/[[\]]/.test(name)) throw new RangeError('a "[" or "]" has no partner');
    return [name];
  }
  const [, head = '', range = '', tail = ''] = match;
  const middles = rangeMembers(range);
  const tails = expandHostRange(tail);
  if (middles.length * tails.length > MOST_HOSTS) {
    throw new RangeError(`this stands for ${middles.length * tails.length} hosts, more than ${MOST_HOSTS}`);
  }
  return middles.flatMap((middle) => tails.map((rest) => head + middle + rest));
}

function rangeMembers(range: string): string[] {
  const [from = '', to = '', stepText = '1', ...more] = range.split(':');
  const step = Number(stepText);
  if (!range.includes(':') || to === '' || more.length > 0)
    throw new RangeError(`[${range}] is not a range such as [01:10]`);
  if (!/^\d+$/.test(stepText) || step < 1) throw new RangeError(`[${range}] needs a step of at least 1`);
  if (/^[a-zA-Z]$/.test(from) && /^[a-zA-Z]$/.test(to)) {
    return count(LETTERS.indexOf(from), LETTERS.indexOf(to), step, range).map((index) =>
      LETTERS.charAt(index),
    );
  }
  if (!/^\d{0,9}$/.test(from) || !/^\d{1,9}$/.test(to))
    throw new RangeError(`[${range}] must be two numbers or two letters`);
  const padded = from.length > 1 && from.startsWith('0');
  if (padded && from.length !== to.length) {
    throw new RangeError(`[${range}] needs both ends equally long, because the first has a leading zero`);
  }
  return count(Number(from || 0), Number(to), step, range).map((number) =>
    padded ? String(number).padStart(from.length, '0') : String(number),
  );
}

function count(from: number, to: number, step: number, range: string): number[] {
  if (from > to) throw new RangeError(`[${range}] ends before it begins`);
  const length = Math.floor((to - from) / step) + 1;
  if (length > MOST_HOSTS)
    throw new RangeError(`[${range}] stands for ${length} hosts, more than ${MOST_HOSTS}`);
  return Array.from({ length }, (_, index) => from + index * step);
}
