import { createHash } from 'node:crypto';

/** The prefix of everything a lab makes, from the real path of its inventory: two labs never meet. */
export const labIdOf = (realPath: string): string =>
  `pv${createHash('sha256').update(realPath).digest('hex').slice(0, 6)}`;

/** What `labIdOf` makes, and nothing else: such a text is safe in paths and names. */
export const isLabId = (text: string): boolean => /^pv[0-9a-f]{6}$/.test(text);

export const STATE_ROOT = '/run/provision-lab';
export const DISK_ROOT = '/var/lib/provision-lab';
export const CACHE_ROOT = '/var/cache/provision-lab';

/** Names and paths of one lab; host names in them were checked by the plan. */
export const labNames = (id: string) => ({
  id,
  stateDir: `${STATE_ROOT}/${id}`,
  stateFile: `${STATE_ROOT}/${id}/state.json`,
  sshConfig: `${STATE_ROOT}/${id}/ssh_config`,
  knownHosts: `${STATE_ROOT}/${id}/known_hosts`,
  operatorKey: `${STATE_ROOT}/${id}/operator`,
  lock: `${STATE_ROOT}/${id}.lock`,
  diskDir: `${DISK_ROOT}/${id}`,
  fabric: `${id}-fabric`,
  controller: `${id}-ctl`,
  /** A host may be called "fabric": its namespace carries one more letter. */
  namespace: (host: string) => `${id}-h-${host}`,
  machine: (index: number) => `${id}-h${index}`,
  console: (host: string) => `${STATE_ROOT}/${id}/console-${host}.log`,
  overlay: (host: string) => `${DISK_ROOT}/${id}/${host}`,
  root: (host: string) => `${DISK_ROOT}/${id}/${host}/root`,
  /** Interface names have 15 characters at most (IFNAMSIZ). */
  link: (nic: number) => `${id}n${nic}`,
  controllerLink: `${id}c`,
});

export type LabNames = ReturnType<typeof labNames>;
