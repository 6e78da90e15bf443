/** The connection table of a host, and what it could not take (counters since boot, of all processors). */
export interface ConntrackCounters {
  readonly count: number;
  readonly max: number;
  /** Connections that could not enter the table: mostly no free port is left of a public address. */
  readonly insertFailed: number;
  /** Packets dropped because the table was full, or no memory was left. */
  readonly drop: number;
}

/** Shell text; prints nothing where the kernel tracks no connections. Without the file, conntrack(8) knows the counters. */
export const CONNTRACK_PROBE = `
cd /proc/sys/net/netfilter 2>/dev/null || exit 0
[ -r nf_conntrack_count ] || exit 0
printf '%s %s\\n' "$(cat nf_conntrack_count)" "$(cat nf_conntrack_max)"
cat /proc/net/stat/nf_conntrack 2>/dev/null || conntrack -S`;

/** /proc/net/stat/nf_conntrack: names, then a line of hexadecimal numbers for each processor. */
function fromProc([head = '', ...rows]: readonly string[], name: string): number {
  const column = head.split(/\s+/).indexOf(name);
  return rows.reduce((sum, row) => sum + (Number.parseInt(row.split(/\s+/)[column] ?? '', 16) || 0), 0);
}

/** `conntrack -S`: `cpu=0 found=0 … insert_failed=0 drop=0`, decimal. */
function fromTool(lines: readonly string[], name: string): number {
  return lines.reduce((sum, line) => {
    const word = line.split(/\s+/).find((each) => each.startsWith(`${name}=`));
    return sum + (Number(word?.slice(name.length + 1)) || 0);
  }, 0);
}

/** What `CONNTRACK_PROBE` printed; null = no connections are tracked there. */
export function parseConntrack(text: string): ConntrackCounters | null {
  const [first = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  const [, count, max] = /^(\d+) (\d+)$/.exec(first) ?? [];
  if (count === undefined || max === undefined) return null;
  const read = (name: string): number =>
    lines[0]?.startsWith('entries ') ? fromProc(lines, name) : fromTool(lines, name);
  return { count: Number(count), max: Number(max), insertFailed: read('insert_failed'), drop: read('drop') };
}
