import { sameValue } from '../model/difference.ts';
import type { Fields, FieldValue, State, Transition } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import { restartNetworkd } from './networkd-restart.ts';
import { routingSteps } from './routing-live.ts';
import type { LiveRouting } from './routing-live.ts';
import { ROUTING_SCRIPT, ROUTING_UNIT, UNIT_FILE, UNIT_LINK } from './routing-unit.ts';

export interface RoutingState extends State {
  /** `rules`, `routes`, and `following` where the unit is. */
  readonly live: Fields | null;
  /** Drop-ins by their path; `script`, `unit` and `enabled` where the unit is. */
  readonly saved: Fields | null;
}

const listOf = (fields: Fields | null, field: string): readonly string[] => {
  const value: FieldValue = fields?.[field] ?? null;
  return Array.isArray(value) ? (value as readonly string[]) : [];
};

const liveOf = (fields: Fields | null): LiveRouting => ({
  rules: listOf(fields, 'rules'),
  routes: listOf(fields, 'routes'),
});

const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** A drop-in directory that nobody else uses goes with the drop-in. */
const removeDropIn = (path: string): string =>
  `${removeFile(path)}\n${sh`rmdir ${directoryOf(path)} 2>/dev/null || true`}`;

const ENABLE = sh`mkdir -p ${directoryOf(UNIT_LINK)}; ln -sfn ${UNIT_FILE} ${UNIT_LINK}`;

const isPath = (field: string): boolean => field.startsWith('/');

/** Of a state of the past the texts are not known: its files come from the snapshot. */
function fileSteps(field: string, to: Fields | null, texts: ReadonlyMap<string, string>): string[] {
  const path = field === 'script' ? ROUTING_SCRIPT : field === 'unit' ? UNIT_FILE : field;
  if (field === 'enabled') return [to?.['enabled'] === true ? ENABLE : removeFile(UNIT_LINK)];
  if (to?.[field] == null) return [isPath(field) ? removeDropIn(path) : removeFile(path)];
  const text = texts.get(path);
  return text === undefined ? [] : [writeFile(path, text, { mode: field === 'script' ? '0755' : '0644' })];
}

/** Files and live routing from one state to the other; `texts` are those of the files that are wanted, by path. */
export function routingTransition(
  from: RoutingState,
  to: RoutingState,
  texts: ReadonlyMap<string, string>,
): Transition {
  const moved = Object.keys({ ...from.saved, ...to.saved }).filter(
    (field) => !sameValue(from.saved?.[field] ?? null, to.saved?.[field] ?? null),
  );
  const dropIns = moved.filter(isPath);
  const ofUnit = moved.length > dropIns.length;
  const [followed, follows] = [from, to].map(({ live }) => live?.['following'] === true);
  // The way back to a host where somebody had deleted one of these while the unit ran: it cannot start again, and runs on.
  const startable = to.saved?.['script'] != null && to.saved['unit'] != null;
  return {
    writes: moved.flatMap((field) => fileSteps(field, to.saved, texts)),
    steps: [
      ...(ofUnit ? ['systemctl daemon-reload'] : []),
      ...(followed && !follows ? [sh`systemctl stop ${ROUTING_UNIT} 2>/dev/null || true`] : []),
      ...routingSteps(liveOf(from.live), liveOf(to.live)),
      ...(follows && startable && (ofUnit || !followed) ? [sh`systemctl restart ${ROUTING_UNIT}`] : []),
    ],
    ...(dropIns.length > 0 ? { handlers: [restartNetworkd] } : {}),
    paths: [...dropIns, ...(ofUnit ? [ROUTING_SCRIPT, UNIT_FILE, UNIT_LINK] : [])],
  };
}
