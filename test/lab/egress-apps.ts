/**
 * The app of the seed in perl-base, which every lab host has: asks an echo service on each request, and answers with the
 * address it was asked at and the address that the echo service saw. `egress-app LISTEN PORT ECHO [SOURCE]`: with SOURCE
 * it binds that address for what it asks itself (the app that binds), without it the kernel chooses (the one that does not).
 */
export const EGRESS_APP = `#!/usr/bin/perl
use strict;
use warnings;
use Socket;
my ($listen, $port, $echo, $source) = @ARGV;
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
socket(my $server, PF_INET, SOCK_STREAM, 6) or die "socket: $!";
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, pack('l', 1)) or die "setsockopt: $!";
bind($server, sockaddr_in($port, inet_aton($listen))) or die "bind: $!";
listen($server, 1024) or die "listen: $!";

sub seen_by_echo {
  socket(my $socket, PF_INET, SOCK_STREAM, 6) or return 'failed';
  setsockopt($socket, SOL_SOCKET, SO_RCVTIMEO, pack('l!l!', 5, 0));
  setsockopt($socket, SOL_SOCKET, SO_SNDTIMEO, pack('l!l!', 5, 0));
  if (defined $source) { bind($socket, sockaddr_in(0, inet_aton($source))) or return 'failed'; }
  connect($socket, sockaddr_in(80, inet_aton($echo))) or return 'failed';
  syswrite($socket, "GET /ip HTTP/1.1\\r\\nHost: echo\\r\\nConnection: close\\r\\n\\r\\n");
  my $answer = '';
  while (my $read = sysread($socket, my $part, 4096)) { $answer .= $part; }
  return $answer =~ m{\\r\\n\\r\\n([0-9.]+)\\n} ? $1 : 'failed';
}

while (1) {
  accept(my $client, $server) or next;
  my $pid = fork // next;
  if ($pid) { close($client); next; }
  my $request = '';
  while ($request !~ /\\r?\\n\\r?\\n/) { sysread($client, my $part, 4096) or last; $request .= $part; }
  my (undef, $own) = sockaddr_in(getsockname($client));
  my $body = inet_ntoa($own) . ' ' . seen_by_echo() . "\\n";
  syswrite($client, "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body");
  exit 0;
}
`;

export interface EgressApp {
  readonly name: string;
  readonly listen: string;
  readonly port: number;
  /** The address it binds for what it asks; left out = it does not bind. */
  readonly source?: string;
  readonly user?: string;
}

/** Shell text that installs such apps as services of a host and starts them, also at each boot. */
export const installApps = (apps: readonly EgressApp[], echo: string): string =>
  [
    `cat > /usr/local/bin/egress-app <<'PROGRAM'\n${EGRESS_APP}PROGRAM`,
    'chmod 755 /usr/local/bin/egress-app',
    ...apps.map(
      ({ name, listen, port, source = '', user = 'root' }) =>
        `cat > /etc/systemd/system/${name}.service <<'UNIT'
[Unit]
StartLimitIntervalSec=0
[Service]
User=${user}
ExecStart=/usr/local/bin/egress-app ${listen} ${port} ${echo} ${source}
Restart=always
RestartSec=200ms
[Install]
WantedBy=multi-user.target
UNIT`,
    ),
    'systemctl daemon-reload',
    `systemctl -q enable --now ${apps.map(({ name }) => `${name}.service`).join(' ')}`,
  ].join('\n');

/** Shell text that waits until the apps listen: one that starts before its address is there tries again. */
export const untilAppsListen = (apps: readonly EgressApp[]): string =>
  apps
    .map(
      ({ listen, port }) =>
        `for i in $(seq 150); do ss -Hltn 'sport = :${port}' | grep -qF '${listen}:${port} ' && break; sleep 0.2; done`,
    )
    .join('\n');
