import { sh } from '../shell/quote.ts';
import { containerId, DOCKER_API, dockerPath, networkId } from './docker-api.ts';
import { containerBody, declaredEndpoints, restartPolicy } from './docker-container-body.ts';
import type { DockerContainerProps, Endpoint } from './docker-container-body.ts';
import type { DockerContainerState } from './docker-container-state.ts';
import { pullImage } from './docker-image.ts';

/** Its service is down: no container runs, and the rest is to be seen once it is up. */
export const DOWN = 'down with Docker';

/** From what a container is to what it shall be. */
export interface Way {
  readonly from: DockerContainerState;
  readonly to: DockerContainerState;
}

/** Shell text that attaches the container of that name to a network that Docker knows under its name only. */
const connect = ({ network, body }: Endpoint, name: string): string => `net=${networkId(network)}
[ -n "$net" ] || { ${sh`echo ${`there is no network ${network}`}`} >&2; return 1; }
docker_try POST "/networks/$net/disconnect" ${sh`${JSON.stringify({ Container: name, Force: true })}`}
docker_api POST "/networks/$net/connect" ${sh`${body}`}`;

const endpointsOf = ({ found }: DockerContainerState, props: DockerContainerProps): readonly Endpoint[] =>
  found?.endpoints ?? declaredEndpoints(props);

/** `run_it ID`, with the attachments made anew where Docker knows their network by an id that is gone. */
export const runIt = ({ to }: Way, props: DockerContainerProps): string =>
  [
    'run_it() {',
    'docker_try POST "/containers/$1/unpause"',
    'if docker_api POST "/containers/$1/start" 2>/dev/null; then return 0; fi',
    'case $answer in *network*"not found"*) ;; *) docker_api POST "/containers/$1/start"; return ;; esac',
    ...endpointsOf(to, props).map((end) => connect(end, props.name)),
    'docker_api POST "/containers/$1/start"',
    '}',
  ].join('\n');

/** Shell text after which $one runs, stands or pauses as it should. */
export function stand({ live }: DockerContainerState): string[] {
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
  docker_api GET "/containers/$1/json"
  case $answer in
    # One that removes itself (docker run --rm) is made once more where it is wanted back.
    *'"AutoRemove":true'*)
      docker_api POST "/containers/$1/stop"
      docker_try POST "/containers/$1/wait?condition=removed" ;;
    *)
      docker_try POST "/containers/$1/update" '{"RestartPolicy":{"Name":"no"}}'
      docker_api POST "/containers/$1/stop"
      docker_api POST "/containers/$1/rename?name=$2.provision-$(printf %s "$1" | cut -c 1-12)" ;;
  esac
}`;

/** Every container that was set aside goes. */
export const throwAway = (name: string): string => {
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
export function swap(way: Way, props: DockerContainerProps): string {
  const { to } = way;
  const { name } = props;
  const spare = `${name}.provision-new`;
  const begin = [DOCKER_API.trim(), SET_ASIDE.trim(), `now=${containerId(name)}`];
  if (to.live === null) return [...begin, sh`[ -z "$now" ] || set_aside "$now" ${name}`].join('\n');
  const { found } = to;
  const more = (found?.endpoints ?? []).filter(({ first }) => !first);
  return [
    ...begin,
    runIt(way, props),
    // Its whole id: no other one begins so.
    found ? sh`one=$(docker_id ${`/containers/${found.id}/json`} '"Id":')` : 'one=',
    'made=',
    'if [ -z "$one" ]; then',
    ...(found ? [] : [pullImage(props.image).trim()]),
    sh`docker_try DELETE ${`${dockerPath('containers', spare)}?force=1`}`,
    sh`docker_api POST ${`/containers/create?name=${encodeURIComponent(spare)}`} ${found?.body ?? containerBody(props)}`,
    `one=${containerId(spare)}`,
    'made=yes',
    'fi',
    'if [ "$now" != "$one" ]; then',
    sh`[ -z "$now" ] || set_aside "$now" ${name}`,
    sh`docker_api POST "/containers/$one/rename?name="${encodeURIComponent(name)}`,
    'fi',
    ...(more.length === 0
      ? []
      : ['join() {', ...more.map((end) => connect(end, name)), '}', '[ -z "$made" ] || join']),
    ...stand(to),
  ].join('\n');
}
