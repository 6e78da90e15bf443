/** A host that answers with the caller's address, perl-base only: as an internet echo-IP service does. */
export const ECHO_PROGRAM = `#!/usr/bin/perl
# GET /ip answers the caller's address, GET / the host's name and the caller's address, GET /port its own port.
use strict;
use warnings;
use Socket;
$SIG{PIPE} = 'IGNORE';
my $port = shift // 80;
my $stands_in = -e '/etc/lab-stand-in';
my $hostname = do { open my $file, '<', '/etc/hostname' or die; my $line = <$file>; chomp $line; $line };
socket(my $server, PF_INET, SOCK_STREAM, getprotobyname('tcp') // 6) or die "socket: $!";
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, pack('l', 1)) or die "setsockopt: $!";
bind($server, sockaddr_in($port, INADDR_ANY)) or die "bind: $!";
listen($server, 512) or die "listen: $!";
while (1) {
  my $peer = accept(my $client, $server) or next;
  my ($peer_port, $peer_address) = sockaddr_in($peer);
  my $address = inet_ntoa($peer_address);
  # A stand-in is as many servers as it has addresses.
  $hostname = inet_ntoa((sockaddr_in(getsockname($client)))[1]) if $stands_in;
  # A caller that says nothing must not stop the others.
  setsockopt($client, SOL_SOCKET, SO_RCVTIMEO, pack('l!l!', 1, 0));
  my $request = '';
  while ($request !~ /\\r?\\n\\r?\\n/ && length($request) < 8192) {
    my $read = sysread($client, my $part, 4096);
    last unless $read;
    $request .= $part;
  }
  my ($path) = $request =~ m{^(?:GET|HEAD) (\\S+)};
  if (defined $path) {
    my %answers = ('/ip' => $address, '/port' => $port, '/healthz' => 'healthy', '/' => "$hostname $address");
    my $known = exists $answers{$path};
    my $body = ($known ? $answers{$path} : 'not found') . "\\n";
    my $status = $known ? '200 OK' : '404 Not Found';
    my $head = "HTTP/1.1 $status\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n";
    syswrite($client, $request =~ /^HEAD/ ? $head : $head . $body);
  }
  shutdown($client, 1);
  close($client);
}
`;

/** One instance per port; a process per port is plenty for tests. */
export const ECHO_UNIT = `[Unit]
Description=Echo service of the lab on port %i
After=network.target

[Service]
ExecStart=/usr/local/lib/lab/echo %i
Restart=always
RestartSec=200ms

[Install]
WantedBy=multi-user.target
`;
