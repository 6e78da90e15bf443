import type { Role, RoleContext, RoleResult } from '../model/playbook.ts';

/** A role of your own: a name, and a pure function from a host's variables to its resources and checks. */
export const defineRole =
  <Options extends object = Record<string, never>>(
    name: string,
    build: (context: RoleContext, options: Partial<Options>) => RoleResult,
  ) =>
  (options: Partial<Options> = {}): Role => ({ name, build: (context) => build(context, options) });
