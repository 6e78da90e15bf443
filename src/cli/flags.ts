import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

/** For flags that repeat: `-i a -i b`. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
/** For flags that say more each time: `-vv`. */
export const counted = (_value: string, before: number): number => before + 1;

function wholeNumber(value: string): number {
  if (/^[1-9]\d*$/.test(value)) return Number(value);
  throw new InvalidArgumentError('It must be a whole number from 1 up.');
}

function numberFromZero(value: string): number {
  if (/^\d{1,3}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('It must be a whole number from 0 to 999.');
}

function seconds(value: string): number {
  if (/^\d+(\.\d+)?$/.test(value) && Number(value) > 0) return Number(value);
  throw new InvalidArgumentError('It must be a number of seconds above 0.');
}

/** Flags of everything that reads an inventory. */
export const inventoryOption = (): Option =>
  new Option('-i, --inventory <path>', 'inventory; repeatable').argParser(collect);

export const extraVarsOption = (): Option =>
  new Option('-e, --extra-vars <vars>', 'variables of every host: k=v, JSON, @file; repeatable').argParser(
    collect,
  );

/** What opens encrypted files and values of an inventory. */
export const secretOptions = (): Option[] => [
  new Option('--vault-password-file <file>', 'opens ansible-vault; repeatable').argParser(collect),
  new Option('--vault-id <id@source>', 'the same by name; source: a file, prompt').argParser(collect),
  new Option('--age-identity <file>', 'opens age; repeatable').argParser(collect),
];

/** Adds them to a command that reads an inventory. */
export const withSecrets = (command: Command): Command =>
  secretOptions().reduce((each, option) => each.addOption(option), command);

export const limitOption = (): Option =>
  new Option('-l, --limit <pattern>', 'only these hosts: names, groups, globs, !not, &and');

export const tagsOptions = (): Option[] => [
  new Option('-t, --tags <list>', 'only what has one of these tags; repeatable').argParser(collect),
  new Option('--skip-tags <list>', 'not what has one of these tags; repeatable').argParser(collect),
];

/** Which of the hosts, besides `-l`. */
export const partOptions = (): Option[] => [
  new Option('--rerun <which>', 'hosts that the last run left undone').choices(['failed', 'unreachable']),
  new Option('--rerun-from <file>', 'the report of that run; else --report'),
  new Option('--shard <i/n>', 'one part of the hosts: 3/16, auto, auto/16'),
];

/** For what must not happen to more hosts than were meant: all of them must be typed as `-l all`. */
export const neededLimitOption = (): Option =>
  new Option('-l, --limit <pattern>', 'these hosts; needed: "all" means all').makeOptionMandatory();

export const templatesOption = (): Option => new Option('--templates <dir>', 'look templates up here first');

export const detailedExitcodeOption = (): Option =>
  new Option('--detailed-exitcode', '0 in sync, 2 differs or changed, 1 error').default(false);

export const jsonOption = (): Option => new Option('--json', 'print JSON').default(false);

export const sshConfigOption = (): Option =>
  new Option('-F, --ssh-config <file>', 'an ssh_config instead of ~/.ssh/config');

export const hostKeyOption = (): Option =>
  new Option('--host-key-checking <mode>', 'host keys')
    .choices(['strict', 'accept-new', 'off'])
    .default('strict');

export const transportOption = (): Option =>
  new Option('--transport <name>', 'ssh in this process, or the system ssh')
    .choices(['ssh2', 'openssh'])
    .default('ssh2');

const RETRIES = 'connect again, if it fails, so often';
const TIMEOUT = 'time for one connection';
const FORKS = 'hosts at the same time';

export const askBecomePassOption = (): Option =>
  new Option('-K, --ask-become-pass', 'ask for the sudo password');
export const becomePasswordFileOption = (): Option =>
  new Option('--become-password-file <file>', 'the sudo password is its first line');

/** How hosts are reached, with nonsense refused at once. */
export const connectionOptions = (): Option[] => [
  sshConfigOption(),
  transportOption(),
  hostKeyOption(),
  new Option('-T, --timeout <s>', TIMEOUT).argParser(seconds).default(15),
  new Option('--connect-retries <n>', RETRIES).argParser(numberFromZero).default(1),
  new Option('-f, --forks <n>', FORKS).argParser(wholeNumber).default(10),
  askBecomePassOption(),
  becomePasswordFileOption(),
];

/** The same for a run, which looks at them itself: its report is written even when they are nonsense. */
export const runTimeoutOption = (): Option =>
  new Option('-T, --timeout <s>', TIMEOUT).argParser(Number).default(15);
export const runRetriesOption = (): Option =>
  new Option('--connect-retries <n>', RETRIES).argParser(Number).default(1);
export const runForksOption = (): Option =>
  new Option('-f, --forks <n>', FORKS).argParser(Number).default(10);

export const confirmTimeoutOption = (): Option =>
  new Option('--confirm-timeout <s>', 'unconfirmed changes are taken back').argParser(Number).default(60);

/** Both are looked at by the run itself, for the sake of its report. */
export const serialOption = (): Option =>
  new Option('--serial <n>', 'batch sizes: 2, 25%, or a list: 1,5,30%');
export const maxFailOption = (): Option =>
  new Option('--max-fail <n>', 'go on while no more hosts have failed')
    .argParser((value) => (/^\d+$/.test(value) ? Number(value) : Number.NaN))
    .default(0);

/** `--report`, whose names say the form. */
export const reportOption = (what: string): Option =>
  new Option('--report <file>', `${what} (.json .html .md .xml .ndjson)`).argParser(collect).default([]);

export const annotationsOption = (): Option =>
  new Option('--annotations <for>', 'mark inventory lines').choices(['github', 'off']);

export const graphFormatOption = (): Option =>
  new Option('--format <form>', 'the form').choices(['svg', 'mermaid', 'html']).default('svg');
