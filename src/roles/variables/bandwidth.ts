import { z } from 'zod';
import { rate } from './amounts.ts';
import { thingName } from './names.ts';
import { section } from './text.ts';

/** One shared package. */
export const bandwidthPackage = section('A cap that several EIPs share, each way separately.', {
  name: thingName.describe('A name, unique on this host.'),
  cap: rate.describe('What all members together may use in one direction, as 1500mbit.'),
  eips: z
    .array(thingName)
    .min(1)
    .describe('The members: EIPs of this host by name. Their own peak does not count here.'),
  guarantee: z
    .record(thingName, rate)
    .optional()
    .describe(
      'What a member gets in any case, by its name, as { office: 500mbit }. The others share the rest of the cap in equal parts.',
    ),
  direction: z.enum(['both', 'egress', 'ingress']).default('both').describe('Which way is capped.'),
});

/** `bandwidth:` */
export const bandwidth = z.array(bandwidthPackage).describe('Shared bandwidth packages.');

export type BandwidthPackage = z.infer<typeof bandwidthPackage>;
