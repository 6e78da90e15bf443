import { createHash } from 'node:crypto';

/** One of so many parts of a run's hosts; counted from 1. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/**
 * The part that a host belongs to, 1 to `of`: by a digest of its name alone, so that it stays where it is whoever else
 * comes or goes.
 */
export const shardOf = (host: string, of: number): number =>
  (createHash('sha256').update(host).digest().readUIntBE(0, 6) % of) + 1;

export const isIn = ({ index, of }: Shard, host: string): boolean => shardOf(host, of) === index;
