import { ProvisionError } from '../model/error.ts';
import type { Emit, RunEvent } from '../model/event.ts';
import { masked, maskedData, nothingIsSecret } from '../model/mask.ts';

const optional = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : masked(text);

/** The same error without the secrets in its words. */
export const maskedError = (error: ProvisionError): ProvisionError =>
  nothingIsSecret()
    ? error
    : new ProvisionError(error.code, masked(error.message), {
        hint: optional(error.hint),
        frame: optional(error.frame),
        place: error.place,
        cause: error.cause,
      });

/** A reporter that never hears of a secret: what cuts texts to a width must not cut one in two. */
export const withoutSecrets =
  (reporter: Emit): Emit =>
  (event) =>
    reporter(maskedEvent(event));

const maskedEvent = (event: RunEvent): RunEvent =>
  event.type === 'host-failed' ? { ...event, error: maskedError(event.error) } : maskedData(event);

/** The last net: whatever is written to these streams has no secret in it. */
export function maskStreams(streams: readonly NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
    stream.write = (chunk: unknown, ...rest: unknown[]) =>
      write(typeof chunk === 'string' ? masked(chunk) : chunk, ...rest);
  }
}
