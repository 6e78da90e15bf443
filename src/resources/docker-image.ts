import type { Resource } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { defineResource } from './define.ts';
import { DOCKER_API, dockerPath, isDown, parseDocker, readDocker, tagged } from './docker-api.ts';
import type { DockerReads } from './docker-api.ts';

export interface DockerImageProps {
  /** Reference, as `eip:latest`. */
  readonly name: string;
  /** What is read together with it; left out = it is read alone. */
  readonly reads?: DockerReads;
}

interface DockerImageState {
  readonly saved: { readonly present: boolean } | null;
}

/** Name and tag or digest as the Engine's API wants them apart; the port of a registry is no tag. */
function parted(reference: string): string {
  const [name = '', digest] = reference.split('@');
  const [, bare = name, tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(name) ?? [];
  return `fromImage=${encodeURIComponent(bare)}&tag=${encodeURIComponent(digest ?? tag)}`;
}

/** Shell text: the image is there, or is fetched. The docker command knows where root is logged in; Docker itself does not. */
export const pullImage = (name: string): string => sh`
no_image() { echo ${`image ${name} is not there, and cannot be pulled`} >&2; exit 1; }
if ! docker_api GET ${`${dockerPath('images', tagged(name))}/json`} 2>/dev/null; then
  if command -v docker >/dev/null; then timeout 900 docker pull -q ${tagged(name)} >/dev/null || no_image
  else
    docker_wait=900 docker_api POST ${`/images/create?${parted(name)}`} || no_image
    # What fails later is told at the end of an answer that began well.
    case $answer in *'"error":'*) printf '%s\n' "\${answer##*'"error":'}" | cut -c 1-300 >&2; no_image ;; esac
  fi
fi`;

const ownReads = ({ name }: DockerImageProps): DockerReads => ({
  networks: [],
  containers: [],
  images: [name],
});

/**
 * An image, present. Fetched before anything is changed, as packages are, and not taken away again. Where Docker does
 * not run yet nothing can be fetched so early: the container that needs it does it then.
 */
export const dockerImage: (props: DockerImageProps) => Resource = defineResource<
  DockerImageProps,
  DockerImageState
>({
  kind: 'docker-image',
  name: ({ name }) => name,
  phase: 'package',
  desired: () => ({ saved: { present: true } }),
  probe: (props) => readDocker(props.reads ?? ownReads(props)),
  parse: (output, props) => {
    const docker = parseDocker(output, props.reads ?? ownReads(props));
    const known = docker.state === 'stopped' || (docker.state === 'running' && docker.images.get(props.name));
    return { saved: known ? { present: true } : null };
  },
  transition: ({ to }, { name }) => ({
    steps:
      to.saved === null
        ? []
        : [
            `systemctl -q is-active docker.service 2>/dev/null || exit 0\n${DOCKER_API.trim()}\n${pullImage(name).trim()}`,
          ],
  }),
  unseen: isDown,
  sentence: (_difference, { name }) => `image ${name} is not on the host`,
});
