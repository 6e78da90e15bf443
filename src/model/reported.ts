import type { Place, ProvisionError } from './error.ts';
import type { ReportedChange, ReportedError } from './report.ts';
import type { ResourceChange } from './resource.ts';

/** A place as a report holds it, beside what it is of. */
export const reportedPlace = (
  place: Place | undefined,
): Partial<Pick<ReportedError, 'file' | 'line' | 'column'>> => ({
  ...(place ? { file: place.file } : {}),
  ...(place?.line === undefined ? {} : { line: place.line }),
  ...(place?.column === undefined ? {} : { column: place.column }),
});

/** `error` as a report holds it; `near` = where to look when the error itself does not know. */
export const reported = (error: ProvisionError, near?: Place): ReportedError => ({
  code: error.code,
  message: error.message,
  hint: error.hint ?? '',
  ...reportedPlace(error.place ?? near),
});

/** The differences of a resource as a report holds them; `near` = where to look when no role has said it. */
export const reportedChanges = ({ changes, place }: ResourceChange, near?: Place): ReportedChange[] =>
  changes.map((change) => ({ ...change, ...reportedPlace(place ?? near) }));

/** What a change takes from somebody, as a report holds it. */
export const reportedCuts = ({
  resource,
  cuts = [],
  destroys,
}: ResourceChange): { resource: string; sentence: string }[] =>
  [...cuts, ...(destroys === undefined ? [] : [destroys])].map((sentence) => ({ resource, sentence }));
