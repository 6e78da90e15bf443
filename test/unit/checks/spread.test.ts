import { execFile, execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { spread } from '../../../src/checks/index.ts';
import type { Check } from '../../../src/model/check.ts';

const context = { hosts: { out: {} }, groups: {}, play: [] };
const check = (weights: readonly number[], to = 'http://192.0.2.1/', requests?: number): Check => {
  const [made] = spread({ from: 'out', to, weights, ...(requests ? { requests } : {}) })(context);
  if (!made) throw new Error('no check');
  return made;
};

describe('spread', () => {
  it.each([
    [[1, 1], '20 a,20 b', true],
    [[3, 1], '10 b,30 a', true],
    [[3, 1], '30 a,30 b', false],
    [[1, 1], '40 a', false],
    [[1], '40 a', true],
    [[1, 1], '20 a,19 b,1 none', false],
    [[1, 1], '14 a,13 b,13 c', false],
    [[1, 1, 0], '21 a,19 b', true],
    [[1, 1], '', false],
    [[1, 1], '99999999 a', false],
  ] as const)('weights %j and answers %s: %s', (weights, answers, good) => {
    const made = check([...weights]);
    expect(made.read(answers) === made.expect).toBe(good);
  });

  it('says what it saw', () => {
    expect(check([1, 1]).read('38 a,2 none')).toBe('a 38, none 2');
    expect(check([1, 1]).read('')).toBe('no answer');
  });

  it('counts first words in a real shell, and takes no text of a server for anything else', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.end(asked % 4 === 0 ? '$(id) `id` "x"\n' : asked % 2 === 0 ? 'b 10.0.0.2\n' : 'a 10.0.0.1\n');
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const made = check([1, 1], `http://127.0.0.1:${port}/`, 8);
    const { stdout: said } = await promisify(execFile)('sh', ['-c', made.script]);
    server.close();
    expect(said).toBe('2 ?,4 a,2 b');
    // Control: nobody listens there any more.
    expect(execFileSync('sh', ['-c', made.script], { encoding: 'utf8' })).toBe('8 none');
  });
});
