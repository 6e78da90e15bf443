import type { Place } from '../model/error.ts';
import type { Host } from '../model/host.ts';
import type { Resource } from '../model/resource.ts';

type Path = readonly (string | number)[];

/** Where the inventory asks for the variable of this path; where it does not, the nearest one above it, at last the host. */
export function placeOf(host: Host, path: Path): Place | undefined {
  const place = host.place(path);
  return place || path.length === 0 ? place : placeOf(host, path.slice(0, -1));
}

/** The same resources, with the variable they come from. Those that know theirs already keep it. */
export function declaredAt(host: Host, path: Path, resources: readonly Resource[]): Resource[] {
  const place = placeOf(host, path);
  return resources.map((resource) => (resource.place ? resource : { ...resource, place }));
}
