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

function seconds(value: string): number {
  if (/^\d+(\.\d+)?$/.test(value) && Number(value) > 0) return Number(value);
  throw new InvalidArgumentError('It must be a number of seconds above 0.');
}

/** Flags of everything that reads an inventory. */
export const inventoryOption = (): Option =>
  new Option('-i, --inventory <path>', 'inventory; repeatable').argParser(collect).env('PROVISION_INVENTORY');

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

/** For what must not happen to more hosts than were meant: all of them must be typed as `-l all`. */
export const neededLimitOption = (): Option =>
  new Option('-l, --limit <pattern>', 'these hosts; needed: "all" means all').makeOptionMandatory();

export const templatesOption = (): Option => new Option('--templates <dir>', 'look templates up here first');

export const jsonOption = (): Option => new Option('--json', 'print JSON').default(false);

export const sshConfigOption = (): Option =>
  new Option('-F, --ssh-config <file>', 'an ssh_config instead of ~/.ssh/config');

export const hostKeyOption = (): Option =>
  new Option('--host-key-checking <mode>', 'host keys')
    .choices(['strict', 'accept-new', 'off'])
    .default('strict')
    .env('PROVISION_HOST_KEY_CHECKING');

const TIMEOUT = 'time for one connection';
const FORKS = 'hosts at the same time';

export const askBecomePassOption = (): Option =>
  new Option('-K, --ask-become-pass', 'ask for the sudo password');
export const becomePasswordFileOption = (): Option =>
  new Option('--become-password-file <file>', 'the sudo password is its first line');

/** How hosts are reached, with nonsense refused at once. */
export const connectionOptions = (): Option[] => [
  sshConfigOption(),
  hostKeyOption(),
  new Option('-T, --timeout <s>', TIMEOUT).argParser(seconds).default(15),
  new Option('-f, --forks <n>', FORKS).argParser(wholeNumber).default(10),
  askBecomePassOption(),
  becomePasswordFileOption(),
];

/** The same two for a run, which looks at them itself: its report is written even when they are nonsense. */
export const runTimeoutOption = (): Option =>
  new Option('-T, --timeout <s>', TIMEOUT).argParser(Number).default(15);
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
