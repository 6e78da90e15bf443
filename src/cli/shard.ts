import type { Shard } from '../engine/shards.ts';
import { ProvisionError } from '../model/error.ts';

const refuse = (message: string, hint = 'Write --shard 3/16: the third of sixteen parts.'): never => {
  throw new ProvisionError('usage', message, { hint });
};

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;

/** GitLab CI counts `parallel` jobs from 1; Kubernetes counts the pods of an Indexed Job from 0. */
function indexOfEnvironment(env: NodeJS.ProcessEnv): number {
  const gitlab = numberOf(env['CI_NODE_INDEX']);
  if (gitlab !== undefined) return gitlab;
  const kubernetes = numberOf(env['JOB_COMPLETION_INDEX']);
  if (kubernetes !== undefined) return kubernetes + 1;
  return refuse('--shard auto: neither CI_NODE_INDEX nor JOB_COMPLETION_INDEX is set.');
}

function totalOfEnvironment(env: NodeJS.ProcessEnv): number {
  const total = numberOf(env['CI_NODE_TOTAL']);
  if (total !== undefined) return total;
  return refuse(
    '--shard auto: CI_NODE_TOTAL is not set.',
    'Say how many parts there are, for example --shard auto/16: Kubernetes tells a pod only its own number.',
  );
}

/**
 * `3/16`; `auto` takes both numbers from the environment, `auto/16` the first. Never of its own accord: a pipeline has
 * these variables for other reasons too. Throws `usage`.
 */
export function parseShard(text: string, env: NodeJS.ProcessEnv): Shard {
  const [, first = '', second] =
    /^(auto|\d{1,6})(?:\/(\d{1,6}))?$/.exec(text) ?? refuse(`--shard ${text} is no part.`);
  const index = first === 'auto' ? indexOfEnvironment(env) : Number(first);
  const of = second === undefined && first === 'auto' ? totalOfEnvironment(env) : Number(second);
  if (!Number.isInteger(of) || index < 1 || index > of)
    return refuse(`--shard ${text} is no part: ${index} of ${of}.`);
  return { index, of };
}
