import { describe, expect, it } from '@jest/globals';
import { countTurns, MOST_TURNS, slots, turns } from '../../../src/model/turns.ts';

const times = (list: readonly number[], value: number): number =>
  list.filter((item) => item === value).length;

describe('turns', () => {
  it('come in layers, so that a heavy backend does not serve its share in one go', () => {
    expect(turns([3, 1])).toEqual([0, 1, 0, 0]);
    expect(turns([1, 1])).toEqual([0, 1]);
  });

  it('are as few as the weights allow, and none for a weight of 0', () => {
    expect(turns([100, 300])).toEqual([0, 1, 1, 1]);
    expect(countTurns([256, 128])).toBe(3);
    expect(turns([2, 0, 2])).toEqual([0, 2]);
    expect(turns([0, 0])).toEqual([]);
  });

  it('a hash has 16 slots for each turn, fewer where that would be too many', () => {
    const few = slots([3, 1]);
    expect([times(few, 0), times(few, 1)]).toEqual([48, 16]);
    const many = slots(Array.from({ length: 1000 }, () => 1));
    expect(many).toHaveLength(4000);
    expect(many.length).toBeLessThanOrEqual(MOST_TURNS);
  });
});
