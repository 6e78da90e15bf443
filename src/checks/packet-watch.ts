import { sh } from '../shell/quote.ts';

/**
 * Prints its process id, then which IPv4 packets come and go, once each: `in|out SOURCE TARGET begins|udp|goes-on`. Perl, since every Debian
 * has it and none has tcpdump. A packet socket (packet(7)) sees what no rule has seen yet and what all rules have let
 * go; the kernel filters for it, so that a busy gateway does not notice. What the first peer sends to somebody new is
 * followed on: that is how a packet that was translated is seen again.
 */
const WATCH = `
use strict; use warnings; use Socket;
my ($seconds, @peers) = @ARGV;
socket(my $tap, 17, 2, unpack('n', pack('S', 3))) or exit;
my %known = map { $_ => 1 } @peers;
my %own = map { $_ => 1 } \`ip -4 -o addr show\` =~ m{inet ([\\d.]+)}g;
sub follow {
  my @wanted = map { [0x15, 0, 0, unpack 'N', inet_aton($_)] } keys %known;
  my @code = ([0x20, 0, 0, 12], (map { [@$_] } @wanted), [0x20, 0, 0, 16], @wanted, [6, 0, 0, 0], [6, 0, 0, 0xffff]);
  $code[$_][0] == 0x15 and $code[$_][1] = $#code - $_ - 1 for 0 .. $#code;
  my $filter = join '', map { pack 'SCCL', @$_ } @code;
  setsockopt($tap, SOL_SOCKET, 26, pack('S x![P] P', scalar @code, $filter)) or exit;
}
follow();
$| = 1;
print "watching $$\\n";
my ($end, %seen) = (time + $seconds);
while ((my $left = $end - time) > 0) {
  vec(my $ready = '', fileno($tap), 1) = 1;
  next unless select($ready, undef, undef, $left);
  my $from = recv($tap, my $packet, 96, 0) // next;
  my (undef, $type, undef, undef, $way) = unpack 'S n i S C', $from;
  next if $type != 0x0800 or length $packet < 20;
  my ($head, $protocol, $source, $target) = unpack 'C x8 C x2 a4 a4', $packet;
  ($source, $target) = (inet_ntoa($source), inet_ntoa($target));
  my $flags = $protocol == 6 ? ord substr($packet, ($head & 15) * 4 + 13, 1) : 0;
  my $kind = $protocol == 17 ? 'udp' : $protocol == 6 && ($flags & 0x12) == 2 ? 'begins' : 'goes-on';
  my $line = ($way == 4 ? 'out' : 'in') . " $source $target $kind\\n";
  print $line unless $seen{$line}++;
  next if $way == 4 or $source ne $peers[0] or $own{$target} or $known{$target} or keys %known > 8;
  $known{$target} = 1;
  follow();
}
`;

/** Sends a few datagrams to a closed port in the name of an address that need not be our own (ip(7), IP_TRANSPARENT). */
const SEND = `
use strict; use warnings; use Socket;
my ($target, $port, @sources) = @ARGV;
for my $source (@sources) {
  socket(my $socket, PF_INET, SOCK_DGRAM, 17) or exit;
  setsockopt($socket, 0, 19, pack 'i', 1);
  bind($socket, sockaddr_in(0, inet_aton($source))) or next;
  for (1 .. 3) {
    send($socket, 'provision', 0, sockaddr_in($port, inet_aton($target)));
    select undef, undef, undef, 0.1;
  }
}
print "sent\\n";
`;

/** Shell text that watches for so many seconds; nothing is printed where it cannot. */
export const watchPackets = (seconds: number, peers: readonly string[]): string =>
  sh`command -v perl >/dev/null || exit 0; exec perl -e ${WATCH} ${seconds} ${peers}`;

/** Shell text that sends three datagrams from each of the sources. */
export const sendFrom = (sources: readonly string[], target: string, port: number): string =>
  sh`command -v perl >/dev/null || exit 0; perl -e ${SEND} ${target} ${port} ${sources}`;

export interface Packet {
  readonly way: 'in' | 'out';
  readonly source: string;
  readonly target: string;
  /** The first packet of a TCP connection, a datagram, or anything else. */
  readonly kind: 'begins' | 'udp' | 'goes-on';
}

/** What `watchPackets` printed; null = it could not watch there. Whatever else stands in it is left out. */
export function parsePackets(output: string | undefined): Packet[] | null {
  const lines = (output ?? '').split('\n');
  if (!lines.some((line) => /^watching \d+$/.test(line))) return null;
  return lines.flatMap((line): Packet[] => {
    const [, way, source = '', target = '', kind] =
      /^(in|out) ([\d.]{7,15}) ([\d.]{7,15}) (begins|udp|goes-on)$/.exec(line) ?? [];
    return way === undefined ? [] : [{ way, source, target, kind } as Packet];
  });
}
