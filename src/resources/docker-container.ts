import type { FieldDifference, Resource, Surroundings, Transition } from '../model/resource.ts';
import { sameValue } from '../model/difference.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { listDifference } from './describe.ts';
import {
  DOCKER_API,
  dockerPath,
  DOWN_WARNING,
  isDown,
  onceDockerRuns,
  parseDocker,
  readDocker,
} from './docker-api.ts';
import type { DockerReads } from './docker-api.ts';
import {
  containerBody,
  containerFields,
  containerState,
  declaredEndpoints,
  restartPolicy,
} from './docker-container-state.ts';
import type { DockerContainerProps, DockerContainerState } from './docker-container-state.ts';
import { pullImage } from './docker-image.ts';

interface Way {
  readonly from: DockerContainerState;
  readonly to: DockerContainerState;
}

/** What Docker can change of a container that is there. */
const IN_PLACE = ['restart', 'state'];
/** Its service is down: no container runs, and the rest is to be seen once it is up. */
const DOWN = 'down with Docker';

const ownReads = ({ name, image }: DockerContainerProps): DockerReads => ({
  networks: [],
  containers: [name],
  images: [image],
});

const changed = ({ from, to }: Way): string[] =>
  Object.keys({ ...from.live, ...to.live }).filter(
    (field) => !sameValue(from.live?.[field] ?? null, to.live?.[field] ?? null),
  );

const inPlace = (way: Way): boolean =>
  way.from.live !== null && way.to.live !== null && changed(way).every((field) => IN_PLACE.includes(field));

/** `run_it ID`, with the attachments made anew where Docker knows their network by an id that is gone. */
const runIt = ({ to }: Way, props: DockerContainerProps): string => {
  const lines = (to.found?.endpoints ?? declaredEndpoints(props)).flatMap(({ network, body }) => [
    sh`  docker_try POST ${`${dockerPath('networks', network)}/disconnect`} ${JSON.stringify({ Container: props.name, Force: true })}`,
    sh`  docker_api POST ${`${dockerPath('networks', network)}/connect`} ${body}`,
  ]);
  return [
    'run_it() {',
    '  docker_try POST "/containers/$1/unpause"',
    '  if docker_api POST "/containers/$1/start" 2>/dev/null; then return 0; fi',
    '  case $answer in *network*"not found"*) ;; *) docker_api POST "/containers/$1/start"; return ;; esac',
    ...lines,
    '  docker_api POST "/containers/$1/start"',
    '}',
  ].join('\n');
};

/** Shell text after which $one runs, stands or pauses as it should. */
function stand({ live }: DockerContainerState): string[] {
  const state = String(live?.['state']);
  const policy = JSON.stringify({ RestartPolicy: restartPolicy(String(live?.['restart'])) });
  return [
    // One that removes itself has no policy to change (HostConfig.AutoRemove).
    sh`docker_try POST "/containers/$one/update" ${policy}`,
    ...(state === DOWN
      ? []
      : state === 'running' || state === 'paused' || state.startsWith('restarting')
        ? ['run_it "$one"', ...(state === 'paused' ? ['docker_api POST "/containers/$one/pause"'] : [])]
        : ['docker_api POST "/containers/$one/stop"']),
  ];
}

/**
 * Containers of a name that were replaced, or not needed: kept beside, stopped, while a way back may want them. Their
 * policy is taken from them, or a restart of Docker would bring them up with address and ports of the new one.
 */
const SET_ASIDE = `
set_aside() {
  docker_try POST "/containers/$1/update" '{"RestartPolicy":{"Name":"no"}}'
  docker_api POST "/containers/$1/stop"
  if docker_api GET "/containers/$1/json" 2>/dev/null; then docker_api POST "/containers/$1/rename?name=$2.provision-$(printf %s "$1" | cut -c 1-12)"; fi
}`;

/** Every container that was set aside goes. */
const throwAway = (name: string): string => {
  const pattern = JSON.stringify({ name: [`^/${name.replaceAll('.', '\\.')}\\.provision-`] });
  return [
    DOCKER_API.trim(),
    sh`docker_api GET ${`/containers/json?all=1&filters=${encodeURIComponent(pattern)}`}`,
    `for id in $(printf %s "$answer" | grep -o '"Id":"[0-9a-f]*"' | cut -d '"' -f 4); do docker_api DELETE "/containers/$id?force=1"; done`,
  ].join('\n');
};

/**
 * The new one is made beside the old one, which is set aside then: whatever fails in between, the old one is there with
 * all that it wrote. The way back takes it by its id; where somebody has removed it, it is made once more.
 */
function swap(way: Way, props: DockerContainerProps): string {
  const { to } = way;
  const { name } = props;
  const path = dockerPath('containers', name);
  const spare = dockerPath('containers', `${name}.provision-new`);
  const begin = [DOCKER_API.trim(), SET_ASIDE.trim(), sh`now=$(docker_id ${`${path}/json`})`];
  if (to.live === null) return [...begin, sh`[ -z "$now" ] || set_aside "$now" ${name}`].join('\n');
  const { found } = to;
  return [
    ...begin,
    runIt(way, props),
    found ? sh`one=$(docker_id ${`/containers/${found.id}/json`})` : 'one=',
    'if [ -z "$one" ]; then',
    ...(found ? [] : [pullImage(props.image).trim()]),
    sh`docker_try DELETE ${`${spare}?force=1`}`,
    sh`docker_api POST ${`/containers/create?name=${encodeURIComponent(`${name}.provision-new`)}`} ${found?.body ?? containerBody(props)}`,
    sh`one=$(docker_id ${`${spare}/json`})`,
    'fi',
    'if [ "$now" != "$one" ]; then',
    sh`[ -z "$now" ] || set_aside "$now" ${name}`,
    sh`docker_api POST "/containers/$one/rename?name="${encodeURIComponent(name)}`,
    'fi',
    ...stand(to),
  ].join('\n');
}

function transition(way: Way, props: DockerContainerProps): Transition {
  if (!inPlace(way)) {
    const [script, settled] = [swap(way, props), throwAway(props.name)];
    return { steps: [script], settled: [settled], atBoot: [onceDockerRuns([script, settled])] };
  }
  const gone = `there is no container ${props.name}: start Docker there (systemctl start docker), and run again`;
  // Going back, one that is not there was not there before either.
  const isDeclared = !way.to.found && way.to.live?.['state'] !== DOWN;
  const script = [
    DOCKER_API.trim(),
    runIt(way, props),
    sh`one=$(docker_id ${`${dockerPath('containers', props.name)}/json`})`,
    isDeclared ? sh`[ -n "$one" ] || { echo ${gone} >&2; exit 1; }` : '[ -n "$one" ] || exit 0',
    ...stand(way.to),
  ];
  return { steps: [script.join('\n')], atBoot: [onceDockerRuns([script.join('\n')])] };
}

/** Somebody else's container of that name, at the first run there: nobody said that it may go. */
function destroys(way: Way, { name }: DockerContainerProps, { taken = false }: Surroundings): string | null {
  const { from, to } = way;
  if (!from.found || from.found.ours || taken || inPlace(way)) return null;
  const fields = to.live === null ? '' : ` (${changed(way).join(', ')})`;
  return `container ${name}, which provision did not make and which is not as declared${fields}, is ${to.live === null ? 'removed' : 'replaced'}`;
}

const shown = (value: unknown): string =>
  Array.isArray(value) ? (value.length === 0 ? 'none' : value.join(' ')) : String(value);

function describe({ field, before, after }: FieldDifference, { name }: DockerContainerProps): string {
  const container = `container ${name}`;
  if (before === null) return `${container} is missing: ${field} ${shown(after)}`;
  if (after === null) return `${container} should not exist: ${field} ${shown(before)}`;
  if (field === 'state') return `${container} is ${shown(before)}, should be ${shown(after)}`;
  if (field === 'command' && Array.isArray(after) && after.length === 0)
    return `${container}: command is ${shown(before)}, should be the image's own`;
  if (field !== 'environment' && field !== 'publish' && field !== 'networks')
    return `${container}: ${field} is ${shown(before)}, should be ${shown(after)}`;
  const { extra, missing } = listDifference(before, after);
  const others = extra.filter((item) => item.endsWith(')')).map((item) => item.split(' ')[0] ?? '');
  const words = [
    ...missing.filter((item) => !others.includes(item)).map((item) => `lacks ${item}`),
    ...others.map((item) => `${item} has another value (•••)`),
    ...extra.filter((item) => !item.endsWith(')')).map((item) => `${item} is not declared`),
  ];
  return `${container}: ${field}: ${words.join(', ')}`;
}

/** A container in one network of Docker, with a fixed address there, running. Changed in place where Docker can, else replaced. */
export const dockerContainer: (props: DockerContainerProps) => Resource = defineResource<
  DockerContainerProps,
  DockerContainerState
>({
  kind: 'docker-container',
  name: ({ name }) => name,
  desired: (props) => ({ live: containerFields(props) }),
  probe: (props) => readDocker(props.reads ?? ownReads(props)),
  parse: (output, props) => {
    const docker = parseDocker(output, props.reads ?? ownReads(props));
    if (docker.state === 'stopped') return { live: { ...containerFields(props), state: DOWN } };
    return docker.state === 'absent' ? { live: null } : containerState(docker, props);
  },
  transition,
  details: ['command', 'environment', 'networks', 'restart', 'state'],
  destroys,
  unseen: isDown,
  warnings: (output) => (isDown(output) ? [DOWN_WARNING] : []),
  sentence: describe,
});
