import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changesOf, provision, statusOf } from './gateway-lab.ts';
import type { HandMade } from './hand-made-hosts.ts';
import { handMadeLab } from './hand-made-lab.ts';
import type { HandMadeLab } from './hand-made-lab.ts';
import { labSupport } from './support.ts';

const MINUTES = 60_000;

/** All that an import may read and must not change, but for counters. */
const STATE = `iptables-save | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'; nft -s list ruleset 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//'
ip -4 addr; ip -4 route show table all; ip rule; tc qdisc | sed 's,direct_packets_stat [0-9]*,,'; sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf)'`;
/** Files that are newer than a mark. */
// What containerd keeps of its containers it writes when it likes: once in some runs it fell into these seconds.
const TOUCHED =
  'find /etc /root /usr /opt /srv /var/lib -xdev -path /var/lib/containerd -prune -o -newer /run/mark -type f -print | sort';

export const importCases = (title: string, made: HandMade): void =>
  describe(title, () => {
    labSupport('is read, and taken over by a run', () => {
      let lab: HandMadeLab;
      const on = (script: string): Promise<string> => lab.onHost(script);
      beforeAll(async () => void (lab = await handMadeLab(made)), 20 * MINUTES);
      afterAll(() => lab?.down(), 2 * MINUTES);

      it(
        'prints variables that validate, tells the rest, and leaves the host as it is',
        async () => {
          await on('touch /run/mark; sleep 1.1');
          const before = await on(STATE);
          const { code, stdout, stderr } = await lab.importing();
          expect(code).toBe(0);
          const notes = stderr
            .split('\n')
            .flatMap((line) => (line.startsWith('note: ') ? [line.slice(6)] : []));
          expect(notes).toEqual(made.notes.map((note) => expect.stringMatching(note)));
          expect([await on(STATE), await on(TOUCHED)]).toEqual([before, '']);
          // Control: a change of either kind is seen.
          await on('iptables -t nat -N SEEN; touch /etc/seen');
          expect([await on(STATE), await on(TOUCHED)]).toEqual([
            expect.not.stringMatching(/^$/),
            '/etc/seen',
          ]);
          expect(await on(STATE)).not.toBe(before);
          await on('iptables -t nat -X SEEN; rm /etc/seen');
          lab.declare(`${made.known}${stdout}`);
          const valid = await provision('validate', made.playbook, '-i', lab.inventory);
          expect([valid.code, valid.stderr]).toEqual([0, '']);
        },
        3 * MINUTES,
      );

      it(
        'the plan: rules of our own, those that it takes over, and what the article got wrong',
        async () => {
          await on(made.prepared ?? 'true');
          const before = await on(STATE);
          const { code, report } = await lab.running('--check', '-l', made.host);
          expect(code).toBe(0);
          const host = report.hosts.find(({ name }) => name === made.host);
          // What was there and was made by hand; what is ours and new begins with nothing.
          const known = (host?.changes ?? []).filter(({ before: was }) => was !== null);
          const byHand = [...new Set(known.map(({ resource }) => resource))].filter(
            (resource) => !/^(sysctl|service|rules|docker-forward):/.test(resource),
          );
          expect(byHand.toSorted()).toEqual(made.differs);
          expect(await on(STATE)).toBe(before);
        },
        3 * MINUTES,
      );

      it(
        'the run takes it over; nothing that was typed is left but what was told; a second run and a second import find nothing',
        async () => {
          const same = await on(made.same ?? 'true');
          const run = await lab.running();
          if (run.code !== 0) throw new Error(`ended ${run.code}:\n${run.stdout}${run.stderr}`);
          expect(statusOf(run.report, made.host)).toBe('changed');
          const rules = await on(
            "iptables-save -t nat | grep '^-A' | grep -vE 'PROVISION|DOCKER|docker0|eip_bridge|-d 172.19.0.10[01]/32' || true",
          );
          expect(rules.split('\n').filter(Boolean).toSorted()).toEqual(made.left);
          expect(await on(made.same ?? 'true')).toBe(same);
          const again = await lab.running();
          expect([again.code, changesOf(again.report, made.host)]).toEqual([0, []]);
          const { code: ended, stdout } = await lab.importing();
          expect([ended, stdout]).toEqual([0, expect.not.stringContaining('adopt:')]);
        },
        5 * MINUTES,
      );
    });
  });
