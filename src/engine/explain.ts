import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Check, CheckHint, CheckResult, Diagnosis, Question } from '../model/check.ts';
import type { Session, Target } from '../model/transport.ts';
import { sh } from '../shell/quote.ts';
import { newNonce } from './frame.ts';
import { checkKey, ownerOf } from './probe.ts';
import { runScript } from './remote-shell.ts';
import type { Context } from './run.ts';

/** Milliseconds for one question. */
const PATIENCE_MS = 60_000;
/** Milliseconds until those that watch must have begun. */
const BEGIN_MS = 20_000;
/** Milliseconds that the last packet may take. */
const LATE_MS = 300;
/** So many reasons are looked for in one run, two at a time: sshd takes ten sessions of one connection (MaxSessions). */
const MOST = 8;

/** One connection for each host, however many questions it gets: a second one would end the first. */
class Asking {
  readonly context: Context;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #own: Session[] = [];

  constructor(context: Context) {
    this.context = context;
  }

  /** A host that the run itself has nothing to do with (a gateway in `verify`) is contacted too. */
  session(target: Target): Promise<Session> {
    const known = this.#sessions.get(target.name);
    if (known) return known;
    const { runs, transport, signal } = this.context;
    const host = runs.get(target.name);
    const connecting = host
      ? host.session
        ? Promise.resolve(host.session)
        : host.connect(transport, signal)
      : transport.connect(target, signal).then((session) => {
          this.#own.push(session);
          return session;
        });
    this.#sessions.set(target.name, connecting);
    return connecting;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#own.map((session) => session.close()));
  }
}

/** What one host answers; null = nothing. `begun` hears the process that watches. */
async function ask(
  asking: Asking,
  { host: name, script }: Pick<Question, 'host' | 'script'>,
  begun: (pid: string) => void = () => undefined,
): Promise<string | null> {
  const { runs, targets } = asking.context;
  const target = targets.get(name);
  if (!target || runs.get(name)?.status === 'unreachable') return null;
  const nonce = newNonce();
  try {
    const session = await asking.session(target);
    const { stdout } = await runScript(session, target, `echo '@@${nonce} begin'\n( ${script}\n)\n`, nonce, {
      timeoutMs: PATIENCE_MS,
      onLine: (line) => {
        const [, pid] = /^watching (\d{1,10})$/.exec(line) ?? [];
        if (pid !== undefined) begun(pid);
      },
    });
    return stdout;
  } catch {
    return null;
  }
}

interface Watcher {
  readonly question: Question;
  /** The process that watches; null = it ended without. */
  readonly begun: Promise<string | null>;
  readonly ended: Promise<string | null>;
}

function watch(asking: Asking, question: Question): Watcher {
  let tell: (pid: string | null) => void = () => undefined;
  const begun = new Promise<string | null>((resolve) => (tell = resolve));
  const ended = ask(asking, question, tell);
  void ended.then(() => tell(null));
  return { question, begun, ended };
}

/** Asks all at the same time, those that watch a moment earlier. Null = one ended before it could have seen everything. */
async function askRound(asking: Asking, questions: readonly Question[]): Promise<Map<string, string> | null> {
  const answers = new Map<string, string>();
  const watchers = questions.filter(({ watches }) => watches).map((question) => watch(asking, question));
  const pids = await Promise.race([
    Promise.all(watchers.map(({ begun }) => begun)),
    sleep(BEGIN_MS).then(() => watchers.map(() => null)),
  ]);
  let acting = true;
  let early = false;
  watchers.forEach(({ ended }, index) => void ended.then(() => (early ||= acting && pids[index] != null)));
  await Promise.all(
    questions
      .filter(({ watches }) => !watches)
      .map(async (question) => {
        const answer = await ask(asking, question);
        if (answer !== null) answers.set(question.id, answer);
      }),
  );
  await sleep(watchers.length > 0 ? LATE_MS : 0);
  acting = false;
  await Promise.all(
    watchers.map(async ({ question, ended }, index) => {
      const pid = pids[index];
      if (pid != null) await ask(asking, { host: question.host, script: sh`kill ${pid}` });
      const answer = await ended;
      if (answer !== null) answers.set(question.id, answer);
    }),
  );
  return early ? null : answers;
}

async function hintOf(asking: Asking, { rounds }: Diagnosis, result: CheckResult): Promise<CheckHint | null> {
  for (const { questions, conclude } of rounds) {
    if (asking.context.signal?.aborted) return null;
    const answers = await askRound(asking, questions);
    const hint = answers && conclude(answers, result);
    if (hint) return hint;
  }
  return null;
}

interface Failure {
  readonly check: Check;
  readonly diagnosis: Diagnosis;
  readonly result: CheckResult;
}

/** Failures without a reason yet, those that must have the same one together. */
function failuresOf(context: Context, checks: readonly Check[]): Failure[][] {
  const groups = new Map<string, Failure[]>();
  for (const check of checks) {
    const result = context.runs.get(ownerOf(context, check.from))?.checks.get(checkKey(check));
    const { diagnosis } = check;
    if (!diagnosis || result?.status !== 'fail' || result.hint) continue;
    const key = JSON.stringify([diagnosis.key, result.got]);
    groups.set(key, [...(groups.get(key) ?? []), { check, diagnosis, result }]);
  }
  return [...groups.values()];
}

/**
 * Looks for the reason of checks that fail, and keeps it with their results. Hosts behind one gateway share theirs: it
 * is looked for once. Costs nothing when nothing fails, and changes nothing on any host.
 */
export async function explainFailures(context: Context, checks: readonly Check[]): Promise<void> {
  const groups = failuresOf(context, checks).slice(0, MOST);
  if (groups.length === 0) return;
  const asking = new Asking(context);
  await pLimit(2).map(groups, async (group) => {
    const [first] = group;
    const hint = first && (await hintOf(asking, first.diagnosis, first.result));
    if (!hint) return;
    for (const { check, result } of group) {
      const explained = { ...result, hint };
      context.runs.get(ownerOf(context, check.from))?.checks.set(checkKey(check), explained);
      context.emit({ type: 'check-explained', result: explained });
    }
  });
  await asking.close();
}
