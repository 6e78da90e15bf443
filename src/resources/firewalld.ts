import { sameValue } from '../model/difference.ts';
import type { Facts, FieldDifference, Fields, Handler, ProbeOutput, Resource } from '../model/resource.ts';
import { parseReadFile, removeFile, writeFile } from '../shell/write-file.ts';
import { defineResource } from './define.ts';
import {
  afterLive,
  AWAIT_FIREWALLD,
  knowsAround,
  readAround,
  readLive,
  runtimeFields,
  runtimeLine,
} from './firewalld-dbus.ts';
import { keepForeignRules } from './foreign-rules.ts';
import { policyLockout, zoneLockout } from './firewalld-lockout.ts';
import { cutsOfFirewalld, describeFirewalld } from './firewalld-words.ts';
import { policyFromXml, zoneFromXml } from './firewalld-xml.ts';

export interface FirewalldProps {
  /** Name of the zone or policy, which is also its file's name. */
  readonly name: string;
  /** The whole XML file for a host with these facts; null = there must be no such file. */
  readonly xml: ((facts: Facts) => string) | null;
}

interface FirewalldState {
  readonly live: Fields | null;
  readonly saved: Fields | null;
}

type Kind = 'zone' | 'policy';

const FROM_XML = { zone: zoneFromXml, policy: policyFromXml } as const;
const LOCKOUT = { zone: zoneLockout, policy: policyLockout } as const;
const DIRECTORY = { zone: 'zones', policy: 'policies' } as const;
const FIELDS: Readonly<Record<Kind, readonly string[]>> = {
  zone: Object.keys(zoneFromXml('<zone/>')),
  policy: Object.keys(policyFromXml('<policy/>')),
};

export const firewalldFile = (kind: Kind, name: string): string =>
  `/etc/firewalld/${DIRECTORY[kind]}/${name}.xml`;

const CALL =
  'busctl --auto-start=no --timeout=120 call org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1';
const RELOAD = `${CALL} reload`;
const CHECK = `${CALL} checkPermanentConfig`;

/**
 * Loads the saved configuration, at most once a run. Left out when firewalld was started by this very run, after the
 * files were written. Its D-Bus method waits until all is loaded (`systemctl reload` does not), and
 * needs no Python to be asked, as firewall-cmd does. Without its
 * table a reload would drop every packet while `--state` still says running: firewalld is restarted then.
 * Rules of iptables that are not its own outlive it, those of ours among Docker's too.
 */
export const reloadFirewalld: Handler = {
  id: 'firewalld reload',
  soon: true,
  script: keepForeignRules({
    script: `found=$(systemctl show -p ActiveState,ActiveEnterTimestampMonotonic firewalld.service)
case $found in *ActiveState=active* | *ActiveState=reloading*) ;; *) exit 0 ;; esac
started=\${found##*Monotonic=}
started=\${started%%[!0-9]*}
[ "$started" -lt "$PROVISION_STARTED" ] || exit 0
if nft list tables inet 2>/dev/null | grep -qx 'table inet firewalld' || grep -qs '^FirewallBackend=iptables' /etc/firewalld/firewalld.conf
then ${RELOAD}
else systemctl restart firewalld.service
  ${AWAIT_FIREWALLD}
fi`,
    dockerAnswers: true,
  }),
};

/** Whatever stands in a file that firewalld cannot parse is drift, not a crash. */
function savedFields(kind: Kind, xml: string | null): Fields | null {
  if (xml === null) return null;
  try {
    return FROM_XML[kind](xml);
  } catch (error) {
    return { unreadable: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * The configuration with all new files in it must pass firewalld's own check, once. One that runs checks by itself what stands there, and
 * uses it at its next reload only (`checkPermanentConfig`, firewalld.dbus(5)): what fails is taken back before that, and firewalld's
 * answer names the zone or policy. Its offline tool says the same where none runs, but starts Python for it: ten times as long.
 */
export const checkFirewalld: Handler = {
  id: 'firewalld check',
  soon: true,
  check: true,
  script: `said=$(${CHECK} 2>&1) && exit 0
if systemctl -q is-active firewalld.service; then printf '%s\\n' "$said" >&2; exit 1; fi
firewall-offline-cmd --check-config >/dev/null`,
};

const fileText = (output: ProbeOutput): string | null => parseReadFile(afterLive(output));

const define = (kind: Kind): ((props: FirewalldProps) => Resource) =>
  defineResource<FirewalldProps, FirewalldState>({
    kind: `firewalld-${kind}`,
    name: ({ name }) => name,
    desired: ({ xml }, facts) => {
      if (xml === null) return { live: null, saved: null };
      const fields = FROM_XML[kind](xml(facts));
      return { live: fields, saved: fields };
    },
    // Three lines of what is live (empty where firewalld does not run), then the file.
    probe: ({ name, xml }) => [
      ...readLive(kind, name, xml === null ? null : firewalldFile(kind, name)),
      { file: firewalldFile(kind, name) },
    ],
    // By which zone our own SSH comes in matters only where something is to be in its way.
    probeMore: ({ name, xml }, output) =>
      xml === null || knowsAround(output)
        ? null
        : [...readAround(kind, name), { file: firewalldFile(kind, name) }],
    parse: (output) => ({
      live: runtimeFields(runtimeLine(output), FIELDS[kind], kind),
      saved: savedFields(kind, fileText(output)),
    }),
    transition: ({ from, to, text }, { name }) => {
      const writes: string[] = [];
      if (!sameFields(from.saved, to.saved)) {
        writes.push(
          text === null
            ? removeFile(firewalldFile(kind, name))
            : writeFile(firewalldFile(kind, name), text, { mode: '0644' }),
        );
      }
      return {
        writes,
        steps: [],
        handlers: [
          ...(writes.length > 0 && text !== null ? [checkFirewalld] : []),
          ...(sameFields(from.live, to.live) ? [] : [reloadFirewalld]),
        ],
        paths: [firewalldFile(kind, name)],
      };
    },
    // What was live and in no file is lost by a reload; and with its file as it was, nothing of it is ours any more.
    recoverable: (before, now, text) => {
      if (sameFields(before.saved, now.saved)) return now;
      const live = before.live === null || text === null ? before.live : savedFields(kind, text);
      return { live, saved: before.saved };
    },
    sentence: (difference: FieldDifference, { name }) => describeFirewalld(kind, name, difference),
    cuts: (difference, { name }) => cutsOfFirewalld(kind, name, difference),
    lockout: (to, facts, props, around) => LOCKOUT[kind](to.saved, facts, props, around),
    text: (output, { name, xml }, facts) => ({
      path: firewalldFile(kind, name),
      before: fileText(output),
      after: xml?.(facts) ?? null,
    }),
  });

const sameFields = (a: Fields | null, b: Fields | null): boolean =>
  a === null || b === null
    ? a === b
    : Object.keys({ ...a, ...b }).every((field) => sameValue(a[field] ?? null, b[field] ?? null));

/** A zone: what its interfaces may do, live and saved. */
export const firewalldZone = define('zone');
/** A policy between zones, live and saved. */
export const firewalldPolicy = define('policy');
