import { asWritten } from '../inventory/deferred.ts';
import { closest } from '../inventory/did-you-mean.ts';
import { isMapping, pathText } from '../inventory/document.ts';
import type { Path } from '../inventory/document.ts';
import { ProvisionError } from '../model/error.ts';
import type { Place } from '../model/error.ts';
import type { Host, Inventory } from '../model/host.ts';
import { hostNamed } from './inventory.ts';
import type { InventoryFlags } from './inventory.ts';
import { inventoryOf } from './load-inventory.ts';
import { table } from './table.ts';

/** One value of a host, and where it was written. */
export interface Origin {
  readonly host: string;
  readonly path: string;
  readonly value: unknown;
  readonly place: Place | undefined;
  /** The schema filled it in: `place` is where it could have been written. */
  readonly isDefault: boolean;
}

const notFound = (what: string, hint: string): never => {
  throw new ProvisionError('usage', what, { hint });
};

/** `gw1.nat.dnat[0].to` → the host (its name may hold dots) and the path inside its variables. */
export function parseAddress(inventory: Inventory, address: string): { host: Host; path: Path } {
  const names = [...inventory.hosts.keys()]
    .filter((name) => address === name || address.startsWith(`${name}.`))
    .toSorted((a, b) => b.length - a.length);
  const [name] = names;
  if (name === undefined) {
    return { host: hostNamed(inventory, address.split(/[.[]/)[0] ?? address), path: [] };
  }
  const rest = address.slice(name.length);
  const steps = [...rest.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/gy)];
  if (steps.map(([text]) => text).join('') !== rest) {
    notFound(`${address} is not NAME.PATH.`, `Write it as ${name}.nat.dnat[0].to.`);
  }
  const path = steps.map(([, word, index, quoted]) =>
    index === undefined ? (word ?? (JSON.parse(`"${quoted ?? ''}"`) as string)) : Number(index),
  );
  return { host: hostNamed(inventory, name), path };
}

function valueAt(host: Host, path: Path): unknown {
  let value = asWritten(host.vars);
  for (const [depth, step] of path.entries()) {
    const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, step);
    if (!inside) {
      const keys = isMapping(value) ? Object.keys(value) : [];
      const near = closest(String(step), keys);
      const above = pathText(path.slice(0, depth)) || 'its variables';
      const hint =
        near === undefined
          ? `There is: ${keys.slice(0, 12).join(', ') || 'nothing'}.`
          : `Did you mean "${near}"?`;
      return notFound(`${host.name} has no ${String(step)} in ${above}.`, hint);
    }
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

const isLeaf = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || Object.keys(value).length === 0;

/** Every value below a path. */
export function originsOf(host: Host, path: Path): Origin[] {
  const origins: Origin[] = [];
  const walk = (value: unknown, at: Path): void => {
    if (isLeaf(value)) {
      const place = host.place(at);
      const above = host.place(at.slice(0, -1));
      const isDefault =
        value !== null &&
        at.length > 1 &&
        place?.line !== undefined &&
        place.line === above?.line &&
        place.column === above.column;
      origins.push({ host: host.name, path: pathText(at), value, place, isDefault });
    } else if (Array.isArray(value)) value.forEach((inner, index) => walk(inner, [...at, index]));
    else for (const [key, inner] of Object.entries(value as object)) walk(inner, [...at, key]);
  };
  walk(valueAt(host, path), path);
  return origins;
}

const placeText = (place: Place | undefined): string =>
  place === undefined
    ? '?'
    : [place.file, place.line, place.column].filter((part) => part !== undefined).join(':');

/** `provision inventory blame [NAME[.PATH]]` */
export async function blame(address: string | undefined, flags: InventoryFlags): Promise<number> {
  const inventory = await inventoryOf(flags);
  const asked =
    address === undefined
      ? [...inventory.hosts.values()].map((host) => ({ host, path: [] }))
      : [parseAddress(inventory, address)];
  const origins = asked.flatMap(({ host, path }) => originsOf(host, path));
  if (flags.json) {
    const flat = origins.map(({ place, isDefault, ...origin }) => ({
      ...origin,
      ...place,
      default: isDefault,
    }));
    process.stdout.write(`${JSON.stringify(flat, null, 2)}\n`);
    return 0;
  }
  const rows = origins.map(({ host, path, value, place, isDefault }) => [
    placeText(place),
    `${host}.${path}`,
    `${JSON.stringify(value)}${isDefault ? '  (default)' : ''}`,
  ]);
  table(rows).forEach((line) => process.stdout.write(`${line}\n`));
  return 0;
}
