import { ProvisionError } from '../../model/error.ts';
import type { Place } from '../../model/error.ts';

/** Why a secret cannot be had. */
export const secretError = (message: string, hint: string, place?: Place, cause?: unknown): ProvisionError =>
  new ProvisionError('inventory', message, { hint, place, cause });
