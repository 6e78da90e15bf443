import type { HostLock, KeptRecord, OpenTransaction } from '../engine/lock.ts';
import type { Colours } from '../reporters/colour.ts';
import { printable } from '../reporters/printable.ts';

const text = (value: unknown): string => printable(typeof value === 'string' ? value : '-');

/** Whose it is, in words. The record is the host's text. */
export const ownerOf = (record: KeptRecord | null): string =>
  record
    ? `run ${text(record['run'])} of ${text(record['who'])} since ${text(record['at'])}`
    : 'nobody knows whose';

/** What will become of it, or what a person can type. */
function outlook({ state, timer, firesIn, atWork }: OpenTransaction): string {
  if (state === 'stuck')
    return 'provision rollback tries its way back again, provision lock release leaves it as it is';
  if (state === 'rolling-back')
    return atWork ? 'it ends by itself' : 'nobody is at work on it: provision lock release goes on with it';
  if (atWork) return 'its steps run now';
  if (timer === 'armed') return `its timer takes it back${firesIn === null ? '' : ` in ${firesIn} s`}`;
  return timer === 'gone'
    ? 'its timer is gone: provision lock release takes it back'
    : 'it has no timer (--no-rollback): provision lock release takes it back';
}

const STATES: Readonly<Record<OpenTransaction['state'], string>> = {
  pending: 'not confirmed yet',
  'rolling-back': 'being taken back',
  stuck: 'taken back only in part',
};

/** One line for each thing that stands in the way of the next run; none when nothing does. */
export function lockLines(host: string, { holder, open }: HostLock, colours: Colours): string[] {
  return [
    ...(holder
      ? [`${host}  ${colours.yellow('locked')} by ${ownerOf(holder.record)} (pid ${holder.pid})`]
      : []),
    ...open.map((each) => {
      const paint = each.state === 'stuck' ? colours.red : colours.yellow;
      return `${host}  ${paint(STATES[each.state])}: ${ownerOf(each.record)}; ${outlook(each)}`;
    }),
  ];
}
