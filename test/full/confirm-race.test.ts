import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { confirmScript, launchScript, rollbackRequest } from '../../src/engine/transaction-script.ts';
import type { Transaction } from '../../src/engine/transaction-script.ts';
import { parseTransaction } from '../../src/engine/transaction-output.ts';
import { PLACES } from '../../src/engine/transaction-shell.ts';
import type { ResourceChange } from '../../src/model/resource.ts';
import { gatewayLab } from '../lab/gateway-lab.ts';
import type { GatewayLab } from '../lab/gateway-lab.ts';
import { labSupport } from '../lab/support.ts';

const MINUTES = 60_000;
const ROUNDS = 100;

const change: ResourceChange = {
  resource: 'file:/etc/provision-race',
  kind: 'file',
  phase: 'main',
  changes: [],
  apply: { steps: ['echo new > /etc/provision-race'], paths: ['/etc/provision-race'] },
  revert: { steps: [], paths: ['/etc/provision-race'] },
};

labSupport('case 13: confirm against rollback on a real host, armed', () => {
  let lab: GatewayLab;
  beforeAll(async () => {
    lab = await gatewayLab();
  }, 20 * MINUTES);
  afterAll(async () => lab?.down(), 2 * MINUTES);

  const transaction = (round: number): Transaction => ({
    id: `20261120T000000-race-${String(round).padStart(3, '0')}`,
    nonce: '0123456789abcdef',
    places: PLACES,
    armed: true,
    plan: { packages: [], changes: [change] },
    baselines: [],
    confirmTimeout: 60,
    applyTimeout: 60,
    undoTimeout: 30,
    record: { run: String(round), who: 'race', at: 'now' },
  });

  const send = (script: string, of: Transaction): Promise<string> =>
    new Promise((resolve) => {
      const argv = ['dist/cli/main.js', 'lab', 'exec', '-i', lab.inventory, 'gw1', 'sh', '-s'];
      const child = execFile(process.execPath, argv, (_error, stdout) =>
        resolve(parseTransaction(stdout, of.nonce, of.plan).ending),
      );
      child.stdin?.end(script);
    });

  it(
    `${ROUNDS} times: exactly one wins, both say the same, the file agrees`,
    async () => {
      const seen = { confirmed: 0, reverted: 0 };
      for (let round = 0; round < ROUNDS; round += 1) {
        const of = transaction(round);
        expect(await send(launchScript(of), of)).toBe('applied');
        const both = [send(confirmScript(of), of), send(rollbackRequest(of), of)];
        const endings = await Promise.all(round % 2 ? both : both.reverse());
        expect(endings.filter((ending) => ending === 'too-late')).toHaveLength(1);
        const winner = endings.find((ending) => ending !== 'too-late') as 'confirmed' | 'reverted';
        seen[winner] += 1;
        const content = await lab.on(
          'gw1',
          'cat /etc/provision-race 2>/dev/null || echo none; rm -f /etc/provision-race',
        );
        expect(content).toBe(winner === 'confirmed' ? 'new\n' : 'none\n');
      }
      // Control: it was a race.
      expect(Math.min(seen.confirmed, seen.reverted)).toBeGreaterThan(0);
    },
    30 * MINUTES,
  );
});
