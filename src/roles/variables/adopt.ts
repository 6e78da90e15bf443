import { z } from 'zod';
import { complain, section, shown, text } from './text.ts';
import type { Complaint } from './text.ts';

/** The tables of iptables(8). */
const TABLES = ['filter', 'nat', 'mangle', 'raw', 'security'];

/** What a chain may be called (iptables(8): 28 characters at most), and what provision's own begin with. */
const CHAIN = /^[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,27}$/;
const OURS = /^PROVISION[_-]/;

const AS_PRINTED =
  'Write it as iptables-save prints it, with the table before it, as: -t nat -A POSTROUTING -s 172.19.0.100/32 -j SNAT --to-source 172.31.0.8';

/** One rule of iptables in words; the last of them is what is left after the chain. */
export interface AdoptedLine {
  readonly table: string;
  readonly chain: string;
  /** Matches and target, as written. */
  readonly rule: string;
}

const LINE = /^-t (\S+) -A (\S+) (\S.*)$/;

/** `-t TABLE -A CHAIN …` → its parts; null = it is not of that form. */
export function adoptedLine(line: string): AdoptedLine | null {
  const [, table, chain, rule] = LINE.exec(line) ?? [];
  return table === undefined || chain === undefined || rule === undefined ? null : { table, chain, rule };
}

function complaint(line: string): Complaint | undefined {
  if (/^\s*(?:sudo\s+)?(?:\/\S+\/)?iptables/.test(line))
    return complain(`${shown(line)} is a command, not a line of iptables-save`, AS_PRINTED);
  if (/^(?:-A|--append)\s/.test(line)) return complain(`${shown(line)} does not name its table`, AS_PRINTED);
  const parts = adoptedLine(line);
  if (!parts) return complain(`${shown(line)} is not a line of the form -t TABLE -A CHAIN …`, AS_PRINTED);
  const { table, chain, rule } = parts;
  if (!TABLES.includes(table))
    return complain(`iptables has no table ${shown(table)}`, `Tables: ${TABLES.join(', ')}.`);
  if (!CHAIN.test(chain)) return complain(`${shown(chain)} is not the name of a chain`, AS_PRINTED);
  const target = / (?:-j|-g|--jump|--goto) (\S+)/.exec(` ${rule}`)?.[1] ?? '';
  if (OURS.test(chain) || OURS.test(target))
    return complain(
      'is a line that provision itself makes',
      'Adopt only what was made by hand: take this line out.',
    );
  // A second command in the line would be another rule, or worse; iptables-save prints none outside a comment.
  const bare = ` ${rule.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')} `;
  if (/ (?:-t|--table|-[ADINPXFZELRSC]|--(?:append|delete|insert|new-chain|policy|flush)) /.test(bare))
    return complain(`${shown(line)} holds more than one rule`, 'Write one rule in each line.');
  if (rule.endsWith('\\')) return complain('must not end with a backslash', AS_PRINTED);
  return undefined;
}

/** `adopt:` */
export const adopt = section('What was set up on this host by hand, and is taken over.', {
  iptables: z
    .array(
      text('A rule as iptables-save prints it, with its table before it.', {
        complaint,
        pattern: '^-t \\S+ -A \\S+ \\S',
        longest: 1024,
      }),
    )
    .default([])
    .describe(
      'Hand-made rules that go once the roles have loaded theirs, live and in the files that are loaded at boot: whole lines of iptables-save with the table before them, as -t nat -A POSTROUTING …. They come back with `provision rollback` and with `state: absent`.',
    ),
});

export type Adopt = z.infer<typeof adopt>;
