/**
 * What `provision.config.ts` exports as its default: the flags that are not typed, by their long names in camelCase. A
 * key holds for every command that has the flag. Paths count from the file.
 */
export interface Config {
  readonly inventory?: string | readonly string[];
  readonly extraVars?: string | readonly string[] | Readonly<Record<string, unknown>>;
  readonly limit?: string;
  readonly tags?: string | readonly string[];
  readonly skipTags?: string | readonly string[];
  readonly rerun?: 'failed' | 'unreachable';
  readonly rerunFrom?: string;
  readonly shard?: string;
  readonly forks?: number;
  readonly check?: boolean;
  readonly out?: string;
  readonly plan?: string;
  readonly diff?: boolean;
  readonly yes?: boolean;
  readonly templates?: string;
  readonly detailedExitcode?: boolean;
  readonly serial?: number | string | readonly (number | string)[];
  readonly maxFail?: number;
  /** Seconds. */
  readonly confirmTimeout?: number;
  readonly strictLockout?: boolean;
  readonly allowDestroy?: boolean;
  readonly rollback?: boolean;
  readonly sshConfig?: string;
  readonly transport?: 'ssh2' | 'openssh';
  readonly connectRetries?: number;
  readonly hostKeyChecking?: 'strict' | 'accept-new' | 'off';
  /** Seconds. */
  readonly timeout?: number;
  readonly askBecomePass?: boolean;
  readonly becomePasswordFile?: string;
  readonly vaultPasswordFile?: string | readonly string[];
  readonly vaultId?: string | readonly string[];
  readonly ageIdentity?: string | readonly string[];
  readonly listHosts?: boolean;
  readonly listTasks?: boolean;
  readonly listTags?: boolean;
  readonly syntaxCheck?: boolean;
  readonly report?: string | readonly string[];
  readonly annotations?: 'github' | 'off';
  readonly verbose?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
  /** For `provision inventory graph`. */
  readonly format?: 'svg' | 'mermaid' | 'html';
  /** For `provision lab up` and `provision rehearse`: debian-11, debian-12 or debian-13. */
  readonly release?: string;
  /** These three for `provision rehearse`. */
  readonly quick?: boolean;
  readonly keep?: boolean;
  readonly install?: boolean;
}
