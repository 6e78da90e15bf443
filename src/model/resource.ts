import type { Place } from './error.ts';
import type { Secret } from './secret.ts';
import type { SshConnection } from './ssh-connection.ts';

/** A value of one field. Lists that have no order are sorted by whoever makes them. */
export type FieldValue = string | number | boolean | null | readonly string[];
export type Fields = Readonly<Record<string, FieldValue>>;

/** Network state has two truths: what the kernel or daemon does now, and what the next boot will load. */
export type Layer = 'live' | 'saved';
export const LAYERS: readonly Layer[] = ['live', 'saved'];

/** Flat fields per layer; `null` = absent there; a layer left out does not exist for this kind of resource. */
export interface State {
  readonly live?: Fields | null;
  readonly saved?: Fields | null;
}

/** One field that is not as declared. `before` is what the host has, `after` what it should have; null = absent. */
export interface FieldDifference {
  readonly field: string;
  readonly layer: Layer;
  readonly before: FieldValue;
  readonly after: FieldValue;
}

export interface Change extends FieldDifference {
  readonly resource: string;
  readonly action: 'create' | 'update' | 'delete';
  /** The difference in the words of the field: "net.ipv4.ip_forward is 0, should be 1". */
  readonly sentence: string;
}

/** What a probe printed, whole, and its exit code. 127 means that the tool is missing. */
export interface ProbeOutput {
  readonly stdout: string;
  readonly code: number;
}

/**
 * One thing that a probe asks a host. Shell text reads and never writes; it runs by itself. The others are read together
 * for all resources of a host, which starts few processes however many are asked.
 */
export type Question =
  | string
  /** Shell text that leaves the shell as it is but for its variables: no `exit`, `cd` or `set -`. It saves a process. */
  | { readonly inline: string }
  /** Asks nothing: stands in the output as it is. */
  | { readonly say: string }
  /** As `readFile` prints it: `present` and the file, its links followed, or `absent`. */
  | { readonly file: string }
  /**
   * What stands at that path itself: a line `MODE OWNER GROUP` and the file, or one line: `link TARGET`, `directory`,
   * `absent`.
   */
  | { readonly entry: string }
  /** First line of a file below /proc or /sys; `unknown` where its directory has none, `absent` where there is no directory. */
  | { readonly value: string }
  /** `DIRECTORY/*SUFFIX`: all lines of the files it matches, each with its file and a colon before it (grep(1), -H). */
  | { readonly lines: string }
  /** IPv4 addresses of that NIC, one a line, as `ip -4 -o addr` prints them. */
  | { readonly addresses: string }
  /** `installed` or `absent`. */
  | { readonly package: string }
  /** ActiveState, UnitFileState and LoadState, a line each as `systemctl show` prints them. */
  | { readonly unit: string };

/** What a resource is read by. Its output is that of its questions one after the other, its code that of the last. */
export type Probe = string | readonly Question[];

/** What every probe learns about a host besides the resources. */
export interface Facts {
  readonly hostname: string;
  /** ID, ID_LIKE and VERSION_ID of /etc/os-release (os-release(5)). */
  readonly os: { readonly id: string; readonly like: readonly string[]; readonly version: string };
  readonly kernel: string;
  /** Name of process 1. */
  readonly init: string;
  /** The port of this host that the SSH connection of the run arrives at (SSH_CONNECTION of sshd(8)), if known. */
  readonly sshPort: number | null;
  /** The address the SSH connection comes from, if known. */
  readonly sshClient: string | null;
  /** The whole of it: both addresses, both ports, the NIC. Null = the run does not come by SSH. */
  readonly ssh: SshConnection | null;
  /** A global IPv6 default route exists: traffic may bypass IPv4 rules. */
  readonly ipv6Route: boolean;
}

/** Shell text that runs once after all steps, however many resources ask for it. */
export interface Handler {
  readonly id: string;
  readonly script: string;
  /** As soon as the last change that asks for it is done: what comes after needs its outcome, or would be undone by it. */
  readonly soon?: boolean;
  /** After all others, in whatever order the changes come: it puts right what they leave. */
  readonly last?: boolean;
  /** It does nothing but refuse what the changes have written. The way back leaves it out: what was there before is what it goes to. */
  readonly check?: boolean;
}

export interface Transition {
  /**
   * Steps that do nothing but write or remove `paths`; they run before `steps`. The way back leaves them out: there the
   * snapshot puts the files back, to the letter.
   */
  readonly writes?: readonly string[];
  /** POSIX shell texts, each run in its own `set -e` subshell, in order. */
  readonly steps: readonly string[];
  readonly handlers?: readonly Handler[];
  /** Files that the steps write or remove: a snapshot keeps them whole, with owner, mode and attributes. */
  readonly paths?: readonly string[];
  /** What of it must be done when the host comes up again in the middle (services only; files come from the snapshot). */
  readonly atBoot?: readonly string[];
  /**
   * Throws away what only the way back needed. Runs once this way is settled: after the confirmation, or after the whole
   * way back. A failure changes nothing any more.
   */
  readonly settled?: readonly string[];
}

/** What a host keeps of a resource from before it was first changed there. */
export interface Baseline {
  /** As the probe read it. */
  readonly state: State;
  /** The whole text of the file behind it; null = there was none. */
  readonly text: string | null;
  /** Files that the host keeps copies of, or knows that they were not there. */
  readonly paths: readonly string[];
}

/** What has to be done on a host for one resource, with its way back. */
export interface ResourceChange {
  readonly resource: string;
  /** Packages come first and are not reverted. */
  readonly phase: 'package' | 'main';
  readonly kind: string;
  readonly changes: readonly Change[];
  readonly apply: Transition;
  readonly revert: Transition;
  /** Why the run's own SSH would not come in any more, naming the rule or zone: "zone public accepts no …". */
  readonly lockout?: string;
  /** What people or programs lose by it, naming each: "detaches web-a from network eip_bridge". Needs `--allow-destroy`. */
  readonly destroys?: string;
  /** What works now and will not after this, in sentences: "172.31.0.3:80/tcp no longer leads to 172.31.0.8:8080". */
  readonly cuts?: readonly string[];
  /** Where the inventory asks for it. */
  readonly place?: Place;
  /** For `--diff`: whole texts where the resource is a file. */
  readonly text?: {
    readonly path: string;
    readonly before: string | null;
    readonly after: string | null;
    /** Not to be shown: it holds a secret, or not everybody may read it on the host. */
    readonly hidden?: true;
  };
  /** Set where the change leads to a baseline: its files come from the copies that the host keeps. */
  readonly baseline?: Baseline;
}

/** A resource as another one may look at it: two zones decide together which of them a NIC is in. */
export interface Declared {
  readonly kind: string;
  /** What was given to the function of that kind; its type is known to the kind alone. */
  readonly props?: unknown;
}

/** What else is known of a host when one of its resources is planned. */
export interface Surroundings {
  /** What else is declared for the host. */
  readonly others?: readonly Declared[];
  /** The host's record of what the resource was before it was first changed; null = none. */
  readonly baseline?: Baseline | null;
  /** An earlier run took it over there: it is ours, whoever made it anew since. */
  readonly taken?: boolean;
}

/** A resource is plain data and pure functions; the engine knows nothing else about it. */
export interface Resource {
  /** `kind:name`, unique on a host. */
  readonly id: string;
  readonly kind: string;
  /** What was declared, for comparing two of the same id; null = cannot be compared. */
  readonly declared: string | null;
  /** What is equal in the probes of one host is asked once. */
  readonly probe: Probe;
  /** A second probe for a host that cannot be planned by the first one alone, in its place; null = it can. */
  probeMore?: ((output: ProbeOutput, facts: Facts) => Probe | null) | undefined;
  /** Packages are installed before everything else and are not reverted. */
  readonly phase: 'package' | 'main';
  /** For `-t` and `--skip-tags`: `tagged()` sets them. */
  readonly tags?: readonly string[];
  /** As it was declared, for `Declared`. */
  readonly props?: unknown;
  /** What must have been read before it is planned. */
  readonly secrets?: readonly Secret[];
  /** Where the inventory asks for it; undefined = nobody knows. */
  readonly place?: Place | undefined;
  /** Declared to be as its baseline says: the host's record of that is read with it, and handed to `plan`. */
  readonly toBaseline?: true;
  /** Desired minus actual; null when nothing differs. */
  plan(output: ProbeOutput, facts: Facts, around?: Surroundings): ResourceChange | null;
  /** The same, with what a baseline says in the place of what is declared. */
  planBack(
    output: ProbeOutput,
    facts: Facts,
    baseline: Baseline,
    around?: Surroundings,
  ): ResourceChange | null;
  /** What a baseline would keep of the host as it is; null = nothing to keep. */
  baseline(output: ProbeOutput, facts: Facts): Baseline | null;
  /** What a person should know of this host, in sentences: neither drift nor a failure. */
  warnings?(output: ProbeOutput): readonly string[];
}
