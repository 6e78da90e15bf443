import { DEFAULT_RELEASE, RELEASES } from '../../src/lab/image-spec.ts';

/** What hosts are built of: `npm run test:matrix` runs these files once for each. The command line reads it itself. */
export const release = RELEASES.find((name) => name === process.env.PROVISION_LAB_RELEASE) ?? DEFAULT_RELEASE;
