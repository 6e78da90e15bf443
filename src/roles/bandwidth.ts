import { addressOf } from '../model/ipv4.ts';
import type { RoleContext } from '../model/playbook.ts';
import type { Resource } from '../model/resource.ts';
import {
  burstOf,
  DEVICES,
  DIRECTIONS,
  EXEMPT_PRIORITY,
  file,
  QUANTUM,
  rateWord,
  REDIRECT_PRIORITY,
  reloadUnits,
  shaping,
  SHAPING_SCRIPT,
  SHAPING_UNIT,
} from '../resources/index.ts';
import type { Direction, ShapeClass, ShapedNic, ShapingPlan } from '../resources/index.ts';
import { bitsPerSecond } from './variables/amounts.ts';
import type { BandwidthPackage, HostVariables } from './variables/index.ts';

/** Below this HTB's arithmetic loses a rate. */
const LEAST_BITS = 8000;

/** What each member gets in any case: what it is guaranteed, else an equal part of what is left of the cap. */
function guarantees({ cap, eips, guarantee }: BandwidthPackage): Map<string, number> {
  const given = new Map(Object.entries(guarantee ?? {}).map(([eip, rate]) => [eip, bitsPerSecond(rate)]));
  const left = bitsPerSecond(cap) - [...given.values()].reduce((sum, bits) => sum + bits, 0);
  const part = Math.max(LEAST_BITS, Math.floor(left / Math.max(1, eips.length - given.size)));
  return new Map(eips.map((eip) => [eip, given.get(eip) ?? part]));
}

/** The tree of one way: a class for each package with one below it for each member; EIPs with a peak beside them. */
function classesOf({ bandwidth, eips }: HostVariables, direction: Direction): ShapeClass[] {
  const packages = (bandwidth ?? []).filter((one) => one.direction === 'both' || one.direction === direction);
  const members = new Set(packages.flatMap((one) => one.eips));
  const known = Object.entries(eips ?? {});
  let count = 0x10;
  // tc(8) reads and prints the numbers of classes in base 16.
  const next = (): string => `1:${(count++).toString(16)}`;
  const inPackages = packages.flatMap((one): ShapeClass[] => {
    const ceil = bitsPerSecond(one.cap);
    const id = next();
    const shares = [...guarantees(one)].flatMap(([member, rate]): ShapeClass[] => {
      const address = eips?.[member]?.private;
      if (address === undefined) return [];
      return [{ kind: 'share', name: one.name, member, id: next(), parent: id, rate, ceil, address }];
    });
    const cap: ShapeClass = {
      ...{ kind: 'cap', name: one.name, member: '', id, parent: '1:', rate: ceil, ceil, address: null },
    };
    return [cap, ...shares];
  });
  const alone = known.flatMap(([name, eip]): ShapeClass[] => {
    if (eip.peak === undefined || members.has(name)) return [];
    const rate = bitsPerSecond(eip.peak);
    const id = next();
    return [{ kind: 'peak', name, member: '', id, parent: '1:', rate, ceil: rate, address: eip.private }];
  });
  return [...inPackages, ...alone];
}

/** Variables of a host → everything that is shaped there; null = nothing is. */
export function shapingPlan(vars: HostVariables): ShapingPlan | null {
  const classes = { egress: classesOf(vars, 'egress'), ingress: classesOf(vars, 'ingress') };
  const shaped = (direction: Direction, own: readonly string[]): string[] =>
    classes[direction].flatMap(({ address }) => (address !== null && own.includes(address) ? [address] : []));
  const nics = Object.entries(vars.nics ?? {}).flatMap(([name, nic]): ShapedNic[] => {
    const own = [nic.address, ...nic.secondary].map(addressOf);
    const addresses = { egress: shaped('egress', own), ingress: shaped('ingress', own) };
    return addresses.egress.length + addresses.ingress.length === 0 ? [] : [{ name, addresses }];
  });
  if (nics.length === 0) return null;
  return { classes, nics, exempt: Object.values(vars.networks ?? {}).map(({ cidr }) => cidr) };
}

const SIDES = { egress: 'src', ingress: 'dst' } as const;

/** The plan as the template of the script reads it. */
function templateData({ classes, nics, exempt }: ShapingPlan): Record<string, unknown> {
  const used = DIRECTIONS.filter((direction) => classes[direction].length > 0);
  return {
    devices: DIRECTIONS.map((direction) => DEVICES[direction]).join(' '),
    exemptPriority: EXEMPT_PRIORITY,
    redirectPriority: REDIRECT_PRIORITY,
    trees: used.map((direction) => ({
      device: DEVICES[direction],
      side: SIDES[direction],
      classes: classes[direction].map(({ id, parent, rate, ceil, address }) => ({
        ...{ id, parent, address, quantum: QUANTUM },
        ...{ rate: rateWord(rate), ceil: rateWord(ceil), burst: burstOf(rateWord(ceil)) },
      })),
    })),
    nics: nics.map(({ name, addresses }) => ({
      name,
      ways: DIRECTIONS.filter((direction) => addresses[direction].length > 0).map((direction) => ({
        way: direction,
        side: SIDES[direction],
        otherSide: SIDES[direction === 'egress' ? 'ingress' : 'egress'],
        device: DEVICES[direction],
        addresses: addresses[direction],
        exempt,
      })),
    })),
  };
}

/** Shared bandwidth and peaks of a host: what shapes them now, and the unit that builds it at boot. */
export function bandwidthResources(vars: HostVariables, { template }: RoleContext): Resource[] {
  const plan = shapingPlan(vars);
  const unit = file({
    path: `/etc/systemd/system/${SHAPING_UNIT}`,
    content: plan && template('systemd/provision-net.service', { scripts: [SHAPING_SCRIPT] }),
    notify: reloadUnits,
  });
  const shape = shaping({ plan, script: plan && template('tc/shape.sh', templateData(plan)) });
  return plan ? [unit, shape] : [shape, unit];
}
