import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { restartNetworkd } from '../../../src/resources/networkd-restart.ts';

const KEEP_CONFIGURATION = '90-provision-keep.conf';

describe('a restart of systemd-networkd', () => {
  let root: string;
  const at = (file: string): string => path.join(root, file);
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(at(file)), { recursive: true });
    writeFileSync(at(file), text);
  };
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'provision-networkd-'));
    write('run/systemd/netif/links/1', 'ADMIN_STATE=unmanaged\n');
    write('run/systemd/netif/links/2', 'NETWORK_FILE=/etc/systemd/network/10-eth0.network\n');
    write('run/systemd/netif/links/3', `NETWORK_FILE=/etc/systemd/network/it's $(touch x).network\n`);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** Runs it as a transaction does, below a directory of its own; answers what was asked of systemctl. */
  function restart(version: number, active = true): string[] {
    const script = restartNetworkd.script.replaceAll(/(?<=[ "])\/(?=(run|etc|usr)\/)/g, `${root}/`);
    const systemctl = `systemctl() { case "$*" in --version) echo 'systemd ${version} (${version}-1)' ;; '-q is-active'*) ${String(active)} ;; *) echo "$*" >> ${root}/asked ;; esac; }`;
    const input = `set -e; umask 077; cd ${root}\n${systemctl}\n${script}`;
    execFileSync('dash', [], { input, stdio: ['pipe', 'ignore', 'pipe'] });
    return existsSync(at('asked')) ? readFileSync(at('asked'), 'utf8').trim().split('\n') : [];
  }
  const saidOf = (network: string): string =>
    readFileSync(at(`run/systemd/network/${network}.d/${KEEP_CONFIGURATION}`), 'utf8');
  const managed = (): string[] =>
    existsSync(at('run/systemd/networkd.conf.d'))
      ? readdirSync(at('run/systemd/networkd.conf.d')).toSorted()
      : [];

  it('of a version that takes away what it does not know: is told before to leave it, until the next reboot', () => {
    expect(restart(257)).toEqual(['restart systemd-networkd.service']);
    expect(managed()).toEqual([
      '90-provision-ManageForeignNextHops.conf',
      '90-provision-ManageForeignRoutes.conf',
      '90-provision-ManageForeignRoutingPolicyRules.conf',
    ]);
    for (const network of ['10-eth0.network', `it's $(touch x).network`])
      expect(saidOf(network)).toMatch(/\n\[Network\]\nKeepConfiguration=static\n$/);
    expect(existsSync(at('x'))).toBe(false);
    // networkd is not root: it must be able to read them.
    expect(statSync(at('run/systemd/networkd.conf.d')).mode & 0o777).toBe(0o755);
    expect(statSync(at(`run/systemd/network/10-eth0.network.d/${KEEP_CONFIGURATION}`)).mode & 0o777).toBe(
      0o644,
    );
  });

  it('of systemd 247: the same', () => {
    expect(restart(247)).toEqual(['restart systemd-networkd.service']);
    expect(managed()).not.toEqual([]);
  });

  it('of systemd 252, which takes nothing away: nothing is written', () => {
    expect(restart(252)).toEqual(['restart systemd-networkd.service']);
    expect([managed(), existsSync(at('run/systemd/network'))]).toEqual([[], false]);
  });

  it('where it does not run: nothing at all', () => {
    expect([restart(257, false), managed()]).toEqual([[], []]);
  });

  it('what somebody says of it on the host is left alone', () => {
    write('etc/systemd/networkd.conf', '[Network]\nManageForeignRoutes = yes\n#ManageForeignNextHops=yes\n');
    write('etc/systemd/network/10-eth0.network.d/own.conf', '[Network]\nKeepConfiguration=yes\n');
    restart(257);
    expect(managed()).toEqual([
      '90-provision-ManageForeignNextHops.conf',
      '90-provision-ManageForeignRoutingPolicyRules.conf',
    ]);
    expect(existsSync(at('run/systemd/network/10-eth0.network.d'))).toBe(false);
  });
});
