import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { liveRegion } from '../../../src/reporters/live-region.ts';
import type { LiveRegion } from '../../../src/reporters/live-region.ts';
import { seenOn } from '../../screen/virtual-terminal.ts';

class FakeTerminal {
  columns = 20;
  rows = 10;
  readonly written: string[] = [];
  write(chunk: string | Uint8Array): boolean {
    this.written.push(String(chunk));
    return true;
  }
}

describe('live region', () => {
  let terminal: FakeTerminal;
  let lines: string[];
  let region: LiveRegion;

  beforeEach(() => {
    jest.useFakeTimers();
    terminal = new FakeTerminal();
    lines = ['one', 'two'];
    region = liveRegion({ terminal, neighbours: [], draw: () => lines });
  });
  afterEach(() => {
    region.stop();
    jest.useRealTimers();
  });
  const seen = () => seenOn(terminal.written.join(''), terminal.columns);

  it('draws at once, and then only what has changed', () => {
    region.start();
    expect(seen().lines).toEqual(['one', 'two', '']);
    expect(seen().cursorVisible).toBe(false);
    const before = terminal.written.length;
    region.change();
    jest.advanceTimersByTime(5000);
    expect(terminal.written).toHaveLength(before);
  });

  it('ten frames a second at most, one write each', () => {
    region.start();
    const before = terminal.written.length;
    for (let event = 0; event < 1000; event += 1) {
      lines = [`event ${event}`];
      region.change();
      jest.advanceTimersByTime(2);
    }
    expect(terminal.written.length - before).toBeLessThanOrEqual(20);
    expect(terminal.written.length - before).toBeGreaterThan(15);
    expect(seen().lines[0]).toMatch(/^event 9\d\d$/);
  });

  it('an elapsed second is a change', () => {
    region.start();
    lines = ['0:01'];
    jest.advanceTimersByTime(1100);
    expect(seen().lines).toEqual(['0:01', '']);
  });

  it('fewer lines than before leave nothing behind', () => {
    region.start();
    lines = ['1'];
    region.change();
    jest.advanceTimersByTime(100);
    expect(seen().lines).toEqual(['1', '']);
  });

  it('what others write goes above in whole lines; the real write comes back', () => {
    region.start();
    terminal.write('half');
    jest.advanceTimersByTime(200);
    expect(seen().lines).toEqual(['one', 'two', '']);
    terminal.write(' and half\n');
    region.above(`${'x'.repeat(40)}\n`);
    jest.advanceTimersByTime(200);
    expect(seen().lines).toEqual(['half and half', 'x'.repeat(20), 'x'.repeat(20), 'one', 'two', '']);
    terminal.write('no newline');
    region.stop('the end\n');
    expect(seen().lines.slice(-3)).toEqual(['no newline', 'the end', '']);
    expect(seen().cursorVisible).toBe(true);
    expect(Object.hasOwn(terminal, 'write')).toBe(false);
  });

  it('a window made narrower has wrapped what was drawn', () => {
    lines = ['a line of 18 chars', 'two'];
    region.start();
    terminal.columns = 10;
    lines = ['now'];
    region.change();
    jest.advanceTimersByTime(100);
    expect(terminal.written.at(-1)).toContain('\u001B[3A');
  });

  it('leaves no listeners behind', () => {
    const count = (): number =>
      ['exit', 'SIGTSTP', 'SIGCONT'].reduce((sum, name) => sum + process.listenerCount(name), 0);
    const before = count();
    region.start();
    expect(count()).toBe(before + 3);
    region.stop();
    region.stop();
    expect(count()).toBe(before);
  });
});
