import { ProvisionError } from '../model/error.ts';
import type { ProbeOutput } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';

/** What one reading asks Docker for. Together for all of a host, it is one process for all of it. */
export interface DockerReads {
  readonly networks: readonly string[];
  readonly containers: readonly string[];
  /** References, as `eip:latest`. */
  readonly images: readonly string[];
}

const SOCKET = '/run/docker.sock';

/** A name as one part of a path of the Engine's API; an image has slashes of its own. */
const part = (name: string): string => name.split('/').map(encodeURIComponent).join('/');

/** A reference with its tag: Docker would take a bare "cafe" for the beginning of an id as well. */
export const tagged = (image: string): string => (/[:@][^/]*$/.test(image) ? image : `${image}:latest`);
const filters = (value: Readonly<Record<string, readonly string[]>>): string =>
  `filters=${encodeURIComponent(JSON.stringify(value))}`;

/** The questions in the order of their answers: path of the API, and the same by the docker command. */
function questions({ networks, containers, images }: DockerReads): { path: string; command: string }[] {
  const attached = networks.map((name) => sh`--filter ${`network=${name}`}`).join(' ');
  return [
    ...(networks.length > 0
      ? [
          { path: '/networks', command: 'docker network inspect $(docker network ls -q)' },
          {
            path: `/containers/json?all=1&${filters({ network: networks })}`,
            command: `ids=$(docker ps -aq ${attached}) && { [ -z "$ids" ] && echo '[]' || docker inspect $ids; }`,
          },
        ]
      : []),
    ...containers.map((name) => ({
      path: `/containers/${part(name)}/json`,
      command: sh`docker container inspect -- ${name}`,
    })),
    ...images.map((name) => ({
      path: `/images/${part(tagged(name))}/json`,
      command: sh`docker image inspect -- ${tagged(name)}`,
    })),
  ];
}

/**
 * Reads by Docker's socket. Not while its service is down: systemd would start it for whoever opens the socket. Then all
 * that can be seen is whether it ever ran there. The docker command costs 40 ms a call, and stands in where curl is missing.
 */
export function readDocker(reads: DockerReads): string {
  const asked = questions(reads);
  return [
    // Its own note of its process, without a newline, saves asking systemd where it holds.
    'pid= name=; { read -r pid </run/docker.pid; read -r name </proc/"$pid"/comm; } 2>/dev/null',
    'if [ "$name" != dockerd ] && ! systemctl -q is-active docker.service 2>/dev/null; then',
    "  if [ -e /var/lib/docker/network/files/local-kv.db ] || grep -qs data-root /etc/docker/daemon.json; then echo '@ stopped'; else echo '@ absent'; fi",
    'elif command -v curl >/dev/null; then',
    sh`  curl -s -g -m 30 --unix-socket ${SOCKET} -w '\n@ %{http_code}\n' ${asked.map(({ path }) => `http://docker${path}`)}`,
    'else',
    ...asked.map(({ command }) => `  { ${command}; } 2>/dev/null && echo '@ 200' || echo '@ 404'`),
    'fi',
  ].join('\n');
}

/** Its service is down, on a host where it has run: what it has is not to be seen. */
export const isDown = ({ stdout }: ProbeOutput): boolean => stdout.split('\n').includes('@ stopped');

/** For whoever has to take things for granted then. */
export const DOWN_WARNING =
  'Docker is down: its networks and containers are taken to be as declared until it runs. If they are not, start it there (systemctl start docker) and run again';

/** What Docker knows of things; `stopped` = its service is down, and what it has is not to be seen. */
export type DockerAnswers =
  | { readonly state: 'absent' }
  | { readonly state: 'stopped' }
  | {
      readonly state: 'running';
      /** All networks of the host. */
      readonly networks: readonly unknown[];
      /** Containers, running or not, that are attached to one of the networks asked for. */
      readonly attached: readonly unknown[];
      /** By name; null = there is none. */
      readonly containers: ReadonlyMap<string, unknown>;
      readonly images: ReadonlyMap<string, unknown>;
    };

const unreadable = (what: string): ProvisionError =>
  new ProvisionError('probe-failed', `Docker there does not answer as it should: ${what}.`, {
    hint: 'Look there: systemctl status docker; curl --unix-socket /run/docker.sock http://docker/version',
  });

function answer(text: string, code: string): unknown {
  if (code === '404') return null;
  if (code !== '200') throw unreadable(`status ${code.slice(0, 20)}`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unreadable('no JSON');
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
/** The docker command answers with a list of one. */
const single = (value: unknown): unknown =>
  Array.isArray(value) ? ((value as unknown[])[0] ?? null) : value;

/** What `readDocker` printed. Throws `probe-failed`. */
export function parseDocker({ stdout, code }: ProbeOutput, reads: DockerReads): DockerAnswers {
  const lines = stdout.split('\n');
  const tells = lines.some((line) => line.startsWith('@ '));
  if (lines.includes('@ absent') || (!tells && (code === 0 || code === 127))) return { state: 'absent' };
  if (isDown({ stdout, code })) return { state: 'stopped' };
  const answers: unknown[] = [];
  let text: string[] = [];
  for (const line of lines) {
    // The Engine's answers are JSON on one line: none of them begins like this.
    const [, status] = /^@ (\S*)$/.exec(line) ?? [];
    if (status === undefined) text.push(line);
    else {
      answers.push(answer(text.join('\n'), status));
      text = [];
    }
  }
  if (answers.length !== questions(reads).length) throw unreadable(`${answers.length} answers`);
  const [networks, attached] = reads.networks.length > 0 ? answers.splice(0, 2) : [];
  const named = (names: readonly string[]): Map<string, unknown> =>
    new Map(names.map((name) => [name, single(answers.shift() ?? null)]));
  return {
    state: 'running',
    networks: listOf(networks),
    attached: listOf(attached),
    containers: named(reads.containers),
    images: named(reads.images),
  };
}

/**
 * Shell functions for changes. `docker_api METHOD PATH [BODY]` leaves Docker's answer in $answer and fails with its
 * message. The body goes by standard input: it may hold secrets, and a process's arguments are for everybody to see.
 */
export const DOCKER_API = `
docker_api() {
  status=none
  answer=$(printf %s "\${3-}" | curl -s -g -m "\${docker_wait-110}" --unix-socket ${SOCKET} -X "$1" -H 'Content-Type: application/json' --data-binary @- -w '\\n%{http_code}' "http://docker$2") || { echo "Docker does not answer (curl: $?)" >&2; return 1; }
  status=\${answer##*
}
  answer=\${answer%
*}
  case $status in 2* | 304) return 0 ;; esac
  printf 'Docker refuses %s %s: %.500s\\n' "$1" "\${2%%\\?*}" "$answer" >&2
  return 1
}
# The same where a refusal changes nothing.
docker_try() { docker_api "$@" 2>/dev/null || :; }
# docker_id PATH MARK: the id of what is there, if the answer holds the mark ("{…": begins with it). Nothing = there is
# none. Fails when nobody can tell.
docker_id() {
  if docker_api GET "$1" 2>/dev/null; then
    case $2 in
      '{'*) case $answer in "$2"*) ;; *) return 0 ;; esac ;;
      *) case $answer in *"$2"*) ;; *) return 0 ;; esac ;;
    esac
    printf %s "$answer" | grep -o '"Id":"[0-9a-f]*"' | head -n 1 | cut -d '"' -f 4
  elif [ "$status" != 404 ]; then echo 'Docker does not answer' >&2; return 1; fi
}`;

/** The path of a thing of that name, for those functions. */
export const dockerPath = (kind: 'containers' | 'networks' | 'images', name: string): string =>
  `/${kind}/${part(name)}`;

/** Shell text for the id of a container of exactly this name: Docker takes "db" for an id that begins so, too. */
export const containerId = (name: string): string =>
  sh`$(docker_id ${`${dockerPath('containers', name)}/json`} ${`"Name":${JSON.stringify(`/${name}`)}`})`;

/** The same for a network. Containers that are in it have names in the answer as well; its own is the first. */
export const networkId = (name: string): string =>
  sh`$(docker_id ${dockerPath('networks', name)} ${`{"Name":${JSON.stringify(name)},`})`;

const BACK = '/run/provision/docker-back.sh';

/**
 * Shell text for the way back after a reboot in the middle: so early in a boot there is no Docker yet. What has to be done
 * is put down, in order, for a unit that waits for Docker; when it comes up that late it is not started by us.
 */
export const onceDockerRuns = (scripts: readonly string[]): string => `mkdir -p -m 0700 /run/provision
if [ ! -e ${BACK} ]; then
  printf '%s\n' 'tries=0; until systemctl -q is-active docker.service; do tries=$((tries + 1)); [ "$tries" -lt 600 ] || exit 1; sleep 1; done' > ${BACK}
  systemd-run -q --no-block --collect --unit=provision-docker-back -p After=docker.service /bin/sh -c 'sh ${BACK}; rm -f ${BACK}'
fi
${sh`printf '%s\n' ${scripts.map((script) => `( set -e\n${script}\n)`).join('\n')}`} >> ${BACK}`;
