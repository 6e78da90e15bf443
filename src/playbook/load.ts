import { existsSync } from 'node:fs';
import { ProvisionError } from '../model/error.ts';
import type { Playbook } from '../model/playbook.ts';
import { loadModule } from './load-module.ts';

const isPlaybook = (value: unknown): value is Playbook =>
  typeof value === 'object' &&
  value !== null &&
  (value as { kind?: unknown }).kind === 'playbook' &&
  Array.isArray((value as { plays?: unknown }).plays);

/** Loads a playbook file and checks its outline. Throws `playbook` errors with the file's name. */
export async function loadPlaybook(file: string, api: Readonly<Record<string, unknown>>): Promise<Playbook> {
  const fail = (message: string, hint: string): never => {
    throw new ProvisionError('playbook', message, { hint, place: { file } });
  };
  if (!existsSync(file))
    fail(`There is no playbook ${file}.`, 'Give the path of a playbook, for example playbooks/gateway.ts.');
  const exported = (await loadModule(file, api))['default'];
  if (!isPlaybook(exported)) {
    return fail(
      `${file} does not export a playbook as its default.`,
      "End it with: export default playbook('NAME', [play({ hosts: 'GROUP', roles: [ROLE()] })]);",
    );
  }
  exported.plays.forEach((play, index) => {
    const name = play.name ?? `play ${index + 1}`;
    if (typeof play.hosts !== 'string' || play.hosts === '')
      fail(`${name} of ${file} names no hosts.`, "Add hosts: 'GROUP'.");
    if (!Array.isArray(play.roles))
      fail(`${name} of ${file} has no list of roles.`, 'Add roles: [natGateway()].');
    play.roles.forEach((role: unknown) => {
      if (typeof role === 'function')
        fail(`A role in ${name} of ${file} is not called.`, 'Write natGateway() with its brackets.');
      if (typeof (role as { build?: unknown } | null)?.build !== 'function')
        fail(
          `Something in the roles of ${name} of ${file} is not a role.`,
          'Use a role of provision or defineRole().',
        );
    });
  });
  return exported;
}
