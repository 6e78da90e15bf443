import type { FieldDifference, Resource, Surroundings, Transition } from '../model/resource.ts';
import { sameValue } from '../model/difference.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { listDifference } from './describe.ts';
import {
  containerId,
  DOCKER_API,
  DOWN_WARNING,
  isDown,
  onceDockerRuns,
  parseDocker,
  readDocker,
} from './docker-api.ts';
import type { DockerReads } from './docker-api.ts';
import type { DockerContainerProps } from './docker-container-body.ts';
import { containerFields, containerState } from './docker-container-state.ts';
import type { DockerContainerState } from './docker-container-state.ts';
import { DOWN, runIt, stand, swap, throwAway } from './docker-swap.ts';
import type { Way } from './docker-swap.ts';

/** What Docker can change of a container that is there. */
const IN_PLACE = ['restart', 'state'];
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
    `one=${containerId(props.name)}`,
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
