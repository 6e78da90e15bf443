import type { Handler } from '../model/resource.ts';

/**
 * Run once after all steps, where a unit file of ours changed. A reload takes systemd a tenth of a second: it is left out
 * where no unit of ours is held as it was, or as missing. What is not held is read when it is next asked for
 * (org.freedesktop.systemd1(5), NeedDaemonReload; `systemctl show` with a pattern prints those that are held).
 */
export const reloadUnits: Handler = {
  id: 'systemctl daemon-reload',
  script: `held=$(systemctl show -p LoadState -p NeedDaemonReload 'provision-*')
case $held in *NeedDaemonReload=yes* | *LoadState=not-found*) systemctl daemon-reload ;; esac`,
};
