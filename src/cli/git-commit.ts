import { execFile } from 'node:child_process';
import path from 'node:path';

/** A repository so large that git takes longer is not worth a wait. */
const ANSWER_WITHIN_MS = 2000;

/** What git needs to find itself and its settings (git(1)); what else is there may be a secret, or lead it elsewhere. */
const HANDED_ON = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'SUDO_UID'];

/** `git status --porcelain=v2 --branch` → the commit, with `+` when the work tree differs from it (git-status(1)). */
export function parseStatus(stdout: string): string | undefined {
  const lines = stdout.split('\n').filter(Boolean);
  const [, commit] = lines.map((line) => /^# branch\.oid ([0-9a-f]{40,64})$/.exec(line)).find(Boolean) ?? [];
  return commit === undefined
    ? undefined
    : `${commit}${lines.every((line) => line.startsWith('#')) ? '' : '+'}`;
}

/** The commit of the repository that a playbook is in. Undefined without git, a repository, or a commit. */
export function gitCommit(playbook: string): Promise<string | undefined> {
  const env = Object.fromEntries(HANDED_ON.map((name) => [name, process.env[name]]));
  const argv = ['-c', 'core.fsmonitor=false', 'status', '--porcelain=v2', '--branch'];
  return new Promise((resolve) => {
    execFile(
      'git',
      argv,
      {
        cwd: path.dirname(path.resolve(playbook)),
        timeout: ANSWER_WITHIN_MS,
        maxBuffer: 16 << 20,
        // It only looks: no lock of the index, nothing written.
        env: { ...env, GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' },
      },
      (error, stdout) => resolve(error ? undefined : parseStatus(stdout)),
    );
  });
}
