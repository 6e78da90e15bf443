import { createHash } from 'node:crypto';
import { BALANCE } from '../model/balance-status.ts';
import type { Fields, Handler, Resource } from '../model/resource.ts';
import { sh } from '../shell/quote.ts';
import { removeFile, writeFile } from '../shell/write-file.ts';
import { fieldsOf, liveWords, savedWords, servicesOf } from './balance-conf.ts';
import { defineResource } from './define.ts';
import { LAYER_WORDS, listDifference } from './describe.ts';

/** Fills the chains anew, and has a checker that runs read its files again. Also on the way back, when all files lie there. */
export const applyBalance: Handler = {
  id: 'lb-checker apply',
  script: `[ ! -e ${BALANCE.checker} ] || [ ! -e ${BALANCE.conf} ] || bash ${BALANCE.checker} apply
! systemctl -q is-active ${BALANCE.unit} || systemctl reload ${BALANCE.unit}`,
};

export interface BalanceProps {
  /** Names the resource: the set of rules whose chains are filled. */
  readonly name: string;
  /** The whole configuration of lb-checker; null = none of it. */
  readonly conf: string | null;
}

interface BalanceState {
  readonly live: Fields | null;
  readonly saved: Fields | null;
}

const FOREIGN = 'rules that do not follow from its backends and their health';

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const probe = (conf: string | null): string => sh`conf=${BALANCE.conf} checker=${BALANCE.checker}
if [ ! -f "$conf" ]; then echo absent
elif [ "$(sha256sum < "$conf" | cut -c 1-64)" = ${conf === null ? '' : digestOf(conf)} ]; then echo same
else printf 'other '; base64 < "$conf" | tr -d '\\n'; echo; fi
if [ -f "$conf" ] && [ -f "$checker" ]; then bash "$checker" same; fi`;

/** The configuration on the host; null = none. */
function confOn(stdout: string, wanted: string | null): string | null {
  const [word = '', encoded = ''] = (stdout.split('\n')[0] ?? '').split(' ');
  if (word === 'same') return wanted;
  return word === 'other' ? Buffer.from(encoded, 'base64').toString('utf8') : null;
}

/** `SERVICE same|differs|missing` lines. */
function liveOn(stdout: string, services: ReadonlyMap<string, readonly string[]>): Fields | null {
  const said = new Map(
    stdout
      .split('\n')
      .slice(1)
      .map((line) => line.split(' '))
      .map(([name = '', word = '']) => [name, word]),
  );
  const loaded = new Map(
    [...services].filter(([name]) => ['same', 'differs'].includes(said.get(name) ?? '')),
  );
  return loaded.size === 0
    ? null
    : fieldsOf(loaded, (lines, name) => (said.get(name) === 'same' ? liveWords(lines) : [FOREIGN]));
}

const filled = defineResource<BalanceProps, BalanceState>({
  kind: 'balance',
  name: ({ name }) => name,
  desired: ({ conf }) => {
    const services = servicesOf(conf ?? '');
    return services.size === 0
      ? { live: null, saved: conf === null ? null : {} }
      : { live: fieldsOf(services, liveWords), saved: fieldsOf(services, savedWords) };
  },
  probe: ({ conf }) => probe(conf),
  parse: ({ stdout }, { conf }) => {
    const text = confOn(stdout, conf);
    if (text === null) return { live: null, saved: null };
    const services = servicesOf(text);
    return { live: liveOn(stdout, services), saved: fieldsOf(services, savedWords) };
  },
  transition: ({ text }) => ({
    steps: [text === null ? removeFile(BALANCE.conf) : writeFile(BALANCE.conf, text, { mode: '0600' })],
    handlers: [applyBalance],
    paths: [BALANCE.conf],
  }),
  sentence: ({ field, layer, before, after }) => {
    const { extra, missing } = listDifference(before, after);
    const where = LAYER_WORDS[layer];
    const parts = [
      ...(missing.length > 0 ? [`missing ${where}: ${missing.join(', ')}`] : []),
      ...(extra.length > 0 ? [`not declared but present ${where}: ${extra.join(', ')}`] : []),
    ];
    return `listener ${field}: ${parts.length > 0 ? parts.join('; ') : `the order differs ${where}`}`;
  },
  text: ({ stdout }, { conf }) => ({ path: BALANCE.conf, before: confOn(stdout, conf), after: conf }),
});

/**
 * What a load balancer's chains hold, live and saved. Live is right when it follows from the configuration and the
 * health that the host itself knows: a backend that is dead is no drift, and no run brings it back.
 */
export function balance(props: BalanceProps): Resource {
  const resource = filled(props);
  // Names of ours: before the first run there was nothing to return to.
  return { ...resource, planBack: (output, facts) => resource.plan(output, facts), baseline: () => null };
}
