import type { Place, ProvisionError } from './error.ts';
import type { Secret } from './secret.ts';

export interface Connection {
  /** Name or address to connect to: `ansible_host`, else the inventory name. */
  readonly address: string;
  /** `ansible_port`; undefined = what ssh_config or 22 says. */
  readonly port?: number | undefined;
  /** `ansible_user`; undefined = what ssh_config or the local user says. */
  readonly user?: string | undefined;
  /** `ansible_ssh_private_key_file`, absolute. */
  readonly privateKeyFile?: string | undefined;
  /** `ansible_become`. */
  readonly become: boolean;
  /** What sudo asks for, from the operator or `ansible_become_password`; undefined = sudo must not ask. */
  readonly becomePassword?: Secret | undefined;
  /** `jump:` — inventory names or `[user@]host[:port]`, nearest to the controller first. */
  readonly jumps: readonly string[];
  /** `host_keys:` — pinned keys, `ssh-ed25519 AAAA…` or `SHA256:…`. */
  readonly hostKeys: readonly string[];
  /** `ansible_connection`: over ssh, in this process's own machine, or in the running lab of this inventory. */
  readonly via: 'ssh' | 'local' | 'lab';
}

export interface Host {
  readonly name: string;
  /** Every group it is in, directly or through children, `all` included, in Ansible's merge order. */
  readonly groups: readonly string[];
  /** Merged variables, plain data. Reading one that cannot be evaluated throws; it is passed over when keys are listed. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** Names that `-e` sets: neither a play nor the options of a role override them. */
  readonly extraVars?: readonly string[];
  readonly connection: Connection;
  /** Why provision cannot work with it: it is an error to select it. */
  readonly blocked?: readonly ProvisionError[] | undefined;
  /** Where the value at this path of `vars` was written. */
  place(path: readonly (string | number)[]): Place | undefined;
}

export interface Inventory {
  readonly hosts: ReadonlyMap<string, Host>;
  /** Group name (as written) → host names, in inventory order, children included. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly sources: readonly string[];
  readonly warnings: readonly { readonly message: string; readonly place?: Place | undefined }[];
}
