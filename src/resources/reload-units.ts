import type { Handler } from '../model/resource.ts';

/**
 * Run once after all steps, where a unit file of ours changed, or one of ours was enabled. A reload takes systemd a tenth of a second, and is left out
 * where it holds none of ours from a file, nor one that it looked for in vain: what is not held is read when it is next asked
 * for (`systemctl show` with a pattern prints what is held, with `--all` also what is not active). Its own `NeedDaemonReload` is not enough: a file that a way
 * back puts there is older than what was read, and only younger ones count (`fragment_mtime_newer` of src/core/unit.c).
 */
export const reloadUnits: Handler = {
  id: 'systemctl daemon-reload',
  script: `held=$(systemctl show --all -p LoadState -p FragmentPath 'provision-*')
case $held in *FragmentPath=/etc/* | *LoadState=not-found*) systemctl daemon-reload ;; esac`,
};
