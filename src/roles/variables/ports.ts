import { z } from 'zod';
import type { Ports } from '../../model/nat-rules.ts';
import { complain, complainOfHostileText, refuse, shown, text } from './text.ts';
import type { Complaint } from './text.ts';

/** As the inventory writes them: `80`, `'80'`, `20000-20100`. */
export type PortText = number | string;

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65535;

function complainOfPorts(value: PortText): Complaint | undefined {
  if (typeof value === 'number') {
    return isPort(value) ? undefined : complain(`${value} is not a port`, 'Write a port from 1 to 65535.');
  }
  const hostile = complainOfHostileText(value, 11);
  if (hostile) return hostile;
  const match = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(value);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || !isPort(from) || !isPort(to)) {
    return complain(
      `${shown(value)} is not a port or a range of ports`,
      'Write 80 or 20000-20100, within 1 to 65535.',
    );
  }
  return from <= to ? undefined : complain(`${shown(value)} ends before it begins`, `Write ${to}-${from}.`);
}

/** One port. */
export const port = z
  .number()
  .superRefine((value, context) => refuse(context, complainOfPorts(value)))
  .meta({ description: 'A port, 1 to 65535.', type: 'integer', minimum: 1, maximum: 65535 });

/** One port or a range. */
export const portOrRange = z
  .union([z.number(), z.string()])
  .superRefine((value, context) => refuse(context, complainOfPorts(value)))
  .meta({
    description: 'A port or a range, as 80 or 20000-20100.',
    anyOf: [
      { type: 'integer', minimum: 1, maximum: 65535 },
      { type: 'string', pattern: '^\\d{1,5}(-\\d{1,5})?$' },
    ],
  });

/** A port, a range, or a list of both. */
export const ports = z
  .union([z.number(), z.string(), z.array(portOrRange).min(1)])
  .superRefine((value, context) => {
    if (!Array.isArray(value)) refuse(context, complainOfPorts(value));
  })
  .describe('A port, a range, or a list of both, as 80, 20000-20100 or [80, 8000-8010].');

/** The ranges that a checked `port:` stands for, as written. */
export function portRanges(value: PortText | readonly PortText[]): readonly Ports[] {
  const list = Array.isArray(value) ? (value as readonly PortText[]) : [value as PortText];
  return list.map((item) => {
    const [from, to] = String(item).split('-').map(Number);
    return { from: from ?? 0, to: to ?? from ?? 0 };
  });
}

/** How many ports a range holds. */
export const portCount = ({ from, to }: Ports): number => to - from + 1;

/** Whether two ranges share a port. */
export const rangesMeet = (a: Ports, b: Ports): boolean => a.from <= b.to && b.from <= a.to;

/** A port of a firewalld zone, with its protocol. */
export const zonePort = text('A port or a range with its protocol, as 8080/tcp or 6000-6010/udp.', {
  complaint: (value) => {
    const match = /^([^/]+)\/(tcp|udp|sctp|dccp)$/.exec(value);
    const hint = 'Write it as 8080/tcp.';
    if (!match) return complain(`${shown(value)} is not a port with its protocol`, hint);
    return complainOfPorts(match[1] ?? '');
  },
  pattern: '^\\d{1,5}(-\\d{1,5})?/(tcp|udp|sctp|dccp)$',
});

const PUBLISHED = /^([1-9]\d{0,4}):([1-9]\d{0,4})(?:\/(tcp|udp))?$/;

/** A port of the NIC's address and the port behind it. */
export const publishedPort = text(
  'PORT:INNER_PORT[/udp], as 8090:8080. Published on the address of the NIC.',
  {
    complaint: (value) => {
      const match = PUBLISHED.exec(value);
      if (match && isPort(Number(match[1])) && isPort(Number(match[2]))) return undefined;
      return complain(`${shown(value)} is not a pair of ports`, "Write it as '8090:8080' or '5353:53/udp'.");
    },
    pattern: '^\\d{1,5}:\\d{1,5}(/(tcp|udp))?$',
  },
);

/** The parts of a checked `publish:` entry. */
export function publishedParts(value: string): { outer: number; inner: number; protocol: 'tcp' | 'udp' } {
  const match = PUBLISHED.exec(value);
  return {
    outer: Number(match?.[1]),
    inner: Number(match?.[2]),
    protocol: match?.[3] === 'udp' ? 'udp' : 'tcp',
  };
}
