import { describe, expect, it } from '@jest/globals';
import { ProvisionError } from '../../../src/model/error.ts';
import type { ErrorCode } from '../../../src/model/error.ts';
import type { Session, Target, Transport } from '../../../src/model/transport.ts';
import { retrying } from '../../../src/transport/retry.ts';
import { startGate } from '../../../src/transport/start-gate.ts';
import type { Stop } from '../../../src/transport/stop.ts';

const session: Session = {
  exec: () => Promise.reject(new ProvisionError('connection-lost', 'lost')),
  close: () => Promise.resolve(),
  counts: { execs: 0, jumps: 0, bytesIn: 0, bytesOut: 0 },
};
const target: Target = {
  name: 'a',
  connection: { address: 'a', become: false, jumps: [], hostKeys: [], via: 'ssh' },
  jumps: [],
};

/** Fails so many times by this code, then connects. */
function failing(code: ErrorCode, times: number): Transport & { readonly tries: () => number } {
  let tries = 0;
  return {
    tries: () => tries,
    connect: () => {
      tries += 1;
      return tries > times
        ? Promise.resolve(session)
        : Promise.reject(new ProvisionError(code, `failure ${tries}`));
    },
  };
}

describe('connecting again', () => {
  it.each<ErrorCode>(['connection-refused', 'network-unreachable', 'name-not-found', 'ssh-protocol'])(
    '%s passes: so often and no oftener',
    async (code) => {
      const twice = failing(code, 2);
      await expect(retrying(twice, 2, () => 0).connect(target)).resolves.toBe(session);
      expect(twice.tries()).toBe(3);
      const thrice = failing(code, 3);
      await expect(retrying(thrice, 2, () => 0).connect(target)).rejects.toMatchObject({
        message: 'failure 3',
      });
      expect(thrice.tries()).toBe(3);
    },
  );

  it.each<ErrorCode>([
    'connection-timeout',
    'host-key-unknown',
    'host-key-changed',
    'host-key-revoked',
    'login-refused',
    'key-unreadable',
    'usage',
    'inventory',
  ])('%s does not: it is not tried again', async (code) => {
    const once = failing(code, 1);
    await expect(retrying(once, 5, () => 0).connect(target)).rejects.toMatchObject({ code });
    expect(once.tries()).toBe(1);
  });

  it('only connecting: a command is never run twice', async () => {
    const connected = await retrying(failing('ssh-protocol', 1), 3, () => 0).connect(target);
    await expect(connected.exec('x', { timeoutMs: 1 })).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('0 = never; an interrupted run does not wait', async () => {
    const none = failing('connection-refused', 1);
    await expect(retrying(none, 0).connect(target)).rejects.toMatchObject({ message: 'failure 1' });
    const stop = new AbortController();
    const many = failing('connection-refused', 100);
    setTimeout(() => stop.abort(), 50);
    const began = Date.now();
    await expect(retrying(many, 100, () => 100).connect(target, stop.signal)).rejects.toBeDefined();
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(many.tries()).toBe(1);
  });
});

describe('starts towards one jump host', () => {
  const stop = (address: string): Stop =>
    ({ who: address, connection: target.connection, settings: { address, port: 22 } }) as unknown as Stop;

  /** How many were under way at once. */
  async function most(ways: readonly (readonly Stop[])[]): Promise<number> {
    const gate = startGate(() => 0);
    let [now, peak] = [0, 0];
    await Promise.all(
      ways.map((way) =>
        gate.through(way, async () => {
          now += 1;
          peak = Math.max(peak, now);
          await new Promise((resume) => setTimeout(resume, 20));
          now -= 1;
        }),
      ),
    );
    return peak;
  }
  const through = (hop: string, count: number): Stop[][] =>
    Array.from({ length: count }, (_, index) => [stop(hop), stop(`host${index}`)]);

  it('stay below what sshd drops at random (MaxStartups 10), however many hosts are behind it', async () => {
    expect(await most(through('gw', 60))).toBe(8);
  });

  it('each jump host by itself, and hosts without one never wait', async () => {
    expect(await most([...through('gw1', 20), ...through('gw2', 20)])).toBeGreaterThan(8);
    expect(await most(Array.from({ length: 50 }, (_, index) => [stop(`host${index}`)]))).toBe(50);
  });

  it('are spread: no two wait alike', async () => {
    const waits: number[] = [];
    const gate = startGate(() => {
      waits.push(Math.random());
      return 0;
    });
    await Promise.all(through('gw', 20).map((way) => gate.through(way, () => Promise.resolve())));
    expect(waits.length).toBeGreaterThan(10);
  });
});
