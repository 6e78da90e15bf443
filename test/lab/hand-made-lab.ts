import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gatewayLab, provision } from './gateway-lab.ts';
import type { Ended, GatewayLab } from './gateway-lab.ts';
import type { HandMade } from './hand-made-hosts.ts';

/** A lab whose one host was set up by hand. */
export interface HandMadeLab extends GatewayLab {
  /** On that host. */
  onHost(script: string): Promise<string>;
  /** Writes its variables. */
  declare(text: string): void;
  /** What it is imported as. */
  importing(): Promise<Ended>;
  /** Runs the playbook of the article. */
  running(...flags: string[]): ReturnType<GatewayLab['run']>;
}

export async function handMadeLab(made: HandMade): Promise<HandMadeLab> {
  const lab = await gatewayLab(
    ({ edit }) => {
      edit('hosts.yml', made.hosts);
      if (made.known !== '') edit(`host_vars/${made.host}.yml`, () => made.known);
    },
    made.source,
    made.playbook,
  );
  const onHost = (script: string): Promise<string> => lab.on(made.host, script).then((text) => text.trim());
  await onHost(
    `apt-get -qq update >/dev/null 2>&1; apt-get -qq -y install iptables >/dev/null 2>&1\n${made.typed}`,
  );
  return {
    ...lab,
    onHost,
    declare: (text) => {
      mkdirSync(path.join(lab.inventory, 'host_vars'), { recursive: true });
      writeFileSync(path.join(lab.inventory, 'host_vars', `${made.host}.yml`), text);
    },
    importing: () => provision('import', 'host', made.host, '-i', lab.inventory),
    running: (...flags) =>
      made.own === undefined ? lab.run(...flags) : lab.runPlaybook(lab.playbook('own', made.own), ...flags),
  };
}
