import type { Check } from './check.ts';
import type { Host } from './host.ts';
import type { Resource } from './resource.ts';

/**
 * Variables are whatever the inventory holds; a playbook names them by path (`hosts.gw1.eips.office.public`).
 * They are typed loosely on purpose: the schema has already checked those that roles read.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Vars = any;

/** A host as playbooks see it: its variables as properties, and `inventory_hostname`, `group_names` as in Ansible. */
export type HostView = Readonly<Record<string, Vars>>;

/** Loose for the same reason as `Vars`: `hosts.gw1.eips.office.public`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type HostViews = Readonly<Record<string, any>>;

export interface PlayContext {
  /** By name; asking for a host that is not in the inventory is an error that says so. */
  readonly hosts: HostViews;
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Hosts of this play, after `-l`. */
  readonly play: readonly string[];
}

/** Makes the checks of a play once its hosts are known. */
export type CheckSpec = (context: PlayContext) => readonly Check[];

export interface RoleContext extends PlayContext {
  readonly host: Host;
  /** The host's variables after the play's own were laid over them. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** Renders `ID.hbs`: `--templates DIR` first, then the playbook's project, then the package. */
  readonly template: (id: string, data: Readonly<Record<string, unknown>>) => string;
}

export interface RoleResult {
  readonly resources: readonly Resource[];
  readonly checks?: readonly CheckSpec[];
  readonly warnings?: readonly string[];
}

/** A role is a pure function from a host's variables to what the host should have. */
export interface Role {
  readonly name: string;
  /** Its name is one of its tags without being written here. */
  readonly tags?: readonly string[];
  build(context: RoleContext): RoleResult;
}

/** Hosts per batch: a number, a percentage ("25%"), or a list of these, of which the last repeats. */
export type Serial = number | string | readonly (number | string)[];

export interface Play {
  readonly name?: string;
  /** A group or host name, or several separated by commas. */
  readonly hosts: string;
  /** Default: all at once. `--serial` goes before it. */
  readonly serial?: Serial;
  readonly roles: readonly Role[];
  readonly checks?: readonly CheckSpec[];
  /** Everything in the play has them: `-t` and `--skip-tags` choose by tags. */
  readonly tags?: readonly string[];
  /** Laid over the hosts' own variables, top level key by key. */
  readonly vars?: Readonly<Record<string, unknown>>;
}

export interface Playbook {
  readonly kind: 'playbook';
  readonly name: string;
  readonly plays: readonly Play[];
}
