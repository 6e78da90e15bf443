/**
 * The app of the seed in perl-base, which every lab host has: asks an echo service on each request, and answers with the
 * address it was asked at and the address that the echo service saw. `egress-app LISTEN PORT ECHO [SOURCE]`: with SOURCE
 * it binds that address for what it asks itself (the app that binds), without it the kernel chooses (the one that does not).
 */
export const EGRESS_APP = `#!/usr/bin/perl
use strict;
use warnings;
use Fcntl;
use Socket;
my ($listen, $port, $echo, $source) = @ARGV;
my $patience = 5;
$SIG{PIPE} = 'IGNORE';

sub tcp {
  socket(my $socket, PF_INET, SOCK_STREAM, 6) or die "socket: $!";
  fcntl($socket, F_SETFL, O_NONBLOCK) or die "fcntl: $!";
  return $socket;
}
my $server = tcp();
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, pack('l', 1)) or die "setsockopt: $!";
bind($server, sockaddr_in($port, inet_aton($listen))) or die "bind: $!";
listen($server, 1024) or die "listen: $!";

# By the number of the socket that is waited for: one process for all, as a fork for each is what a busy machine has no time for.
my %waiting;
sub await {
  my ($job, $socket, $write, $then) = @_;
  @$job{qw(socket write then until)} = ($socket, $write, $then, time + $patience);
  $waiting{fileno $socket} = $job;
}
sub answer {
  my ($job, $seen) = @_;
  my (undef, $own) = sockaddr_in(getsockname($job->{client}));
  my $body = inet_ntoa($own) . " $seen\\n";
  syswrite($job->{client}, "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body");
}
sub ask_echo {
  my ($job) = @_;
  my $socket = tcp();
  if (defined $source) { bind($socket, sockaddr_in(0, inet_aton($source))) or return answer($job, 'failed'); }
  connect($socket, sockaddr_in(80, inet_aton($echo))) or $!{EINPROGRESS} or return answer($job, 'failed');
  await($job, $socket, 1, sub {
    syswrite($socket, "GET /ip HTTP/1.1\\r\\nHost: echo\\r\\nConnection: close\\r\\n\\r\\n") or return answer($job, 'failed');
    my $text = '';
    read_until($job, $socket, \\$text, sub { 0 }, sub { answer($job, $text =~ m{\\r\\n\\r\\n([0-9.]+)\\n} ? $1 : 'failed') });
  });
}
sub read_until {
  my ($job, $socket, $text, $enough, $then) = @_;
  await($job, $socket, 0, sub {
    my $read = sysread($socket, my $part, 4096);
    $$text .= $part if $read;
    return $read && !$enough->() ? read_until($job, $socket, $text, $enough, $then) : $then->();
  });
}

while (1) {
  my ($readable, $writable) = ('', '');
  vec($readable, fileno($server), 1) = 1;
  for my $fd (keys %waiting) { if ($waiting{$fd}{write}) { vec($writable, $fd, 1) = 1 } else { vec($readable, $fd, 1) = 1 } }
  select($readable, $writable, undef, 1) >= 0 or next;
  for my $fd (keys %waiting) {
    my $job = $waiting{$fd};
    my $ready = vec($readable, $fd, 1) || vec($writable, $fd, 1);
    next unless $ready || time > $job->{until};
    delete $waiting{$fd};
    # What waits refers to its job: kept in it, neither would ever be freed, nor its sockets closed.
    my ($then, $socket) = delete @$job{qw(then socket)};
    if ($ready) { $then->() } elsif ($socket != $job->{client}) { answer($job, 'failed') }
  }
  while (accept(my $client, $server)) {
    fcntl($client, F_SETFL, O_NONBLOCK);
    my ($job, $request) = ({ client => $client }, '');
    read_until($job, $client, \\$request, sub { $request =~ /\\r?\\n\\r?\\n/ }, sub { ask_echo($job) });
  }
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
