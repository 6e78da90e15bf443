import type { Handler } from '../model/resource.ts';

/** Run once after all steps, where a unit file changed. */
export const reloadUnits: Handler = { id: 'systemctl daemon-reload', script: 'systemctl daemon-reload' };
