import { z } from 'zod';
import { duration, durationSeconds } from './amounts.ts';
import { complain, refuse, section } from './text.ts';

/** The kernel rounds the table up to whole pages of 8-byte heads (nf_ct_alloc_hashtable() of nf_conntrack_core.c). */
export const BUCKETS_PER_PAGE = 512;
const MOST = 2 ** 31 - 1;

/** Jiffies in an int: the most that every build of the kernel takes (1000 a second). */
const LONGEST_SECONDS = Math.floor(MOST / 1000);

const timeout = (of: string) =>
  duration
    .superRefine((value, context) => {
      const seconds = durationSeconds(value);
      if (!(seconds > 0)) return;
      if (!Number.isInteger(seconds))
        refuse(
          context,
          complain(`${value} is no whole number of seconds`, 'The kernel counts whole seconds.'),
        );
      else if (seconds > LONGEST_SECONDS)
        refuse(context, complain(`${value} is longer than the kernel can count`, 'Write 24d at most.'));
    })
    .optional()
    .describe(`How long ${of} is remembered without a packet, as 900s. Left out = the kernel’s own.`);

const size = (text: string) => z.int().min(1).max(MOST).optional().describe(text);

/** `nat.conntrack:` in the kernel's own names, without `nf_conntrack_` before them. */
export const conntrack = section(
  'The size of the connection table, and how long connections stay in it. What is left out stays as the kernel has it.',
  {
    max: size(
      'Connections at the same time, as 262144; each takes about 300 bytes. Above it new ones are dropped.',
    ),
    buckets: size(
      'Size of the hash table, a multiple of 512. Left out and max given = a quarter of max.',
    ).refine((value) => value === undefined || value % BUCKETS_PER_PAGE === 0, {
      error: ({ input }) =>
        `${String(input)} is no multiple of ${BUCKETS_PER_PAGE}, and the kernel would round it up`,
      params: { hint: `Write a multiple of ${BUCKETS_PER_PAGE}, as 65536.` },
    }),
    tcp_timeout_established: timeout('an established TCP connection'),
    tcp_timeout_syn_recv: timeout('a TCP connection half open'),
    tcp_timeout_fin_wait: timeout('a TCP connection closed by one side'),
    tcp_timeout_close_wait: timeout('a TCP connection closed by the other side'),
    tcp_timeout_time_wait: timeout('a closed TCP connection'),
    udp_timeout: timeout('a UDP packet without an answer'),
    udp_timeout_stream: timeout('a UDP stream'),
    icmp_timeout: timeout('a ping'),
    generic_timeout: timeout('any other protocol'),
    tcp_loose: z
      .boolean()
      .optional()
      .describe('Whether TCP connections that began before the gateway did are taken up in their middle.'),
    tcp_be_liberal: z
      .boolean()
      .optional()
      .describe('Whether TCP packets outside the window still belong to their connection.'),
  },
);

export type Conntrack = z.infer<typeof conntrack>;
