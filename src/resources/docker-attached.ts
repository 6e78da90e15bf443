import { contains } from '../model/ipv4.ts';
import { sh } from '../shell/quote.ts';
import { containerId, dockerPath } from './docker-api.ts';
import type { Attached } from './docker-network-state.ts';

/** Where the names of containers are kept, one after the other, while they are in no network. */
const keptNames = (network: string): string => `/run/provision/docker-names-${encodeURIComponent(network)}`;

/**
 * `names_of PATH NUMBER`: the names a container has in the network, as they stand in JSON; its short id comes by itself.
 * They are kept: when the network could not be made anew, the way back finds nobody in it.
 */
const namesOf = (network: string): string => {
  const pattern = network.replaceAll(/[.[\]*^$\\/]/g, '\\$&');
  const kept = sh`${`${keptNames(network)}.`}"$2"`;
  return `
names_of() {
  docker_api GET "$1/json"
  case $answer in *${sh`${`${JSON.stringify(network)}:{`}`}*)
    short=$(printf %s "$answer" | grep -o '"Id":"[0-9a-f]*"' | head -n 1 | cut -d '"' -f 4 | cut -c 1-12)
    printf %s "$answer" | sed -n ${sh`${`s/.*"${pattern}":{[^[]*"Aliases":\\[\\([^]]*\\)\\].*/\\1/p`}`} | tr , '\\n' | grep -v "\\"$short\\"" | paste -s -d , - > ${kept} ;;
  esac
  cat ${kept} 2>/dev/null || :
}`;
};

/** `put_on BODY NAMES` into the network $was. */
const PUT_ON = `
put_on() { docker_api POST "/networks/$was/connect" "$1\\"Aliases\\":[$2]}}"; }`;

/**
 * Shell text around a network that is made anew: everybody taken off, and put on again with the address where it fits
 * and the names. $was is the id of the network. Needs `DOCKER_API`.
 */
export function reattach(network: string, containers: readonly Attached[], subnets: readonly string[]) {
  // Whoever has an address of his own comes first: Docker could give it to another.
  const attached = containers.toSorted((a, b) => Number(a.fixed === null) - Number(b.fixed === null));
  // A container that is not there any more is nobody's loss.
  const onlyIf = ({ name }: Attached, line: string): string =>
    `if [ -n "${containerId(name)}" ]; then ${line}; fi`;
  const off = attached.map((one, index) => {
    const body = JSON.stringify({ Container: one.name, Force: true });
    const names = sh`$(names_of ${dockerPath('containers', one.name)} ${index})`;
    const leave = `[ -z "$was" ] || docker_try POST "/networks/$was/disconnect" ${sh`${body}`}`;
    return `names_${index}=\n${onlyIf(one, `names_${index}=${names}; ${leave}`)}`;
  });
  const on = attached.map((one, index) => {
    const { name, fixed } = one;
    const fits = fixed !== null && subnets.some((subnet) => contains(subnet, fixed));
    const address = fits ? `"IPAMConfig":{"IPv4Address":"${fixed}"},` : '';
    const body = `{"Container":${JSON.stringify(name)},"EndpointConfig":{${address}`;
    return onlyIf(one, `put_on ${sh`${body}`} "$names_${index}"`);
  });
  return attached.length === 0
    ? { functions: [], off, on, forget: [] }
    : {
        functions: [namesOf(network).trim(), PUT_ON.trim()],
        off,
        on,
        /** Once nobody can want the names any more. */
        forget: [`rm -f ${sh`${keptNames(network)}`}.*`],
      };
}
