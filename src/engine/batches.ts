import type { Serial } from '../model/playbook.ts';

/** `2`, `"2"` or `"30%"` of so many hosts (at least one); null = not a size. */
function sizeOf(item: number | string, hosts: number): number | null {
  const text = String(item);
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  const [, percent] = /^([1-9]\d?|100)%$/.exec(text) ?? [];
  return percent === undefined ? null : Math.max(1, Math.floor((hosts * Number(percent)) / 100));
}

const items = (serial: Serial): readonly (number | string)[] =>
  typeof serial === 'object' ? serial : [serial];

/** Whether `serial` says batch sizes at all. */
export const isSerial = (serial: Serial): boolean =>
  items(serial).length > 0 && items(serial).every((item) => sizeOf(item, 1) !== null);

/** Hosts in batches of these sizes, in order; the last size repeats, as in Ansible. Not given = all at once. */
export function batchesOf(hosts: readonly string[], serial: Serial | undefined): string[][] {
  const sizes =
    serial === undefined ? [] : items(serial).map((item) => sizeOf(item, hosts.length) ?? hosts.length);
  const batches: string[][] = [];
  for (let at = 0; at < hosts.length;) {
    const size = sizes[Math.min(batches.length, sizes.length - 1)] ?? hosts.length;
    batches.push(hosts.slice(at, at + size));
    at += size;
  }
  return batches;
}
