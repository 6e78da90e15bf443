import { describe, expect, it } from '@jest/globals';
import { deadBackends } from '../../../src/cli/rehearse-backends.ts';
import { forgottenHosts } from '../../../src/cli/rehearse-ways-out.ts';
import { load } from '../../../src/cli/load.ts';
import { labPlan } from '../../../src/lab/index.ts';
import type { BackendStatus } from '../../../src/model/balance-status.ts';

const backend = (more: Partial<BackendStatus>): BackendStatus => ({
  ...{ address: '10.0.0.4', port: 80, weight: 1, state: 'active', since: null, why: '', hits: 0 },
  ...more,
});

describe('dead backends', () => {
  const of = (...backends: BackendStatus[]): string[] =>
    deadBackends([
      {
        host: 'lb1',
        listeners: [
          {
            ...{ name: 'web', addresses: ['10.0.0.1'], ports: ['80'], protocols: ['tcp'], loaded: true },
            ...{ watched: true, backends },
          },
        ],
      },
    ]);

  it('are named with their listener, host and reason', () => {
    expect(of(backend({}), backend({ state: 'down', why: 'status 404' }))).toEqual([
      'backend 10.0.0.4:80 of listener web on lb1 is dead (status 404)',
    ]);
    expect(of(backend({ state: 'down', port: null }))).toEqual([
      'backend 10.0.0.4 of listener web on lb1 is dead',
    ]);
  });

  it('those that shall not serve are not dead', () => {
    expect(
      of(backend({ state: 'draining' }), backend({ state: 'disabled' }), backend({ state: 'unchecked' })),
    ).toEqual([]);
  });
});

describe('hosts behind a gateway that nobody asks for their way out', () => {
  const forgotten = async (playbook: string, inventory: string, vars: string[] = []) => {
    const loaded = await load(playbook, { inventory: [inventory], extraVars: vars });
    return forgottenHosts(labPlan(loaded.inventory), loaded.compiled, loaded.inventory);
  };

  it('none in what lies in the repository; a host that must not get out is asked too', async () => {
    expect(await forgotten('playbooks/site.ts', 'inventory/prod')).toEqual([]);
    expect(await forgotten('playbooks/gateway.ts', 'inventory/lab')).toEqual([]);
  });

  it('each one is named, with the gateway and what to write', async () => {
    const nat = JSON.stringify({ nat: { masquerade: ['172.31.0.21/32'] } });
    const found = await forgotten('playbooks/gateway.ts', 'inventory/lab', [nat]);
    expect(found.map(({ message }) => message)).toEqual([
      'db1 (172.31.0.20) stands behind gw1, and no entry of its `nat` lets it out',
    ]);
    expect(found[0]?.hint).toContain('`nat.snat` or `nat.masquerade` of gw1');
  });

  it('a gateway that the playbook does not touch is not asked', async () => {
    const nat = JSON.stringify({ nat: { masquerade: ['172.31.0.21/32'] } });
    expect(await forgotten('playbooks/app-host.ts', 'inventory/prod', [nat])).toEqual([]);
  });
});
