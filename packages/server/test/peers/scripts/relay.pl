# relay.pl PORT: listens on a free port of 127.0.0.1, prints which, and passes each connection on to PORT.
#
# libgearman asks the kernel for a send buffer of 32 KiB. A segment on the loopback interface holds 64 KiB, so that one
# fills the buffer and the next waits until the kernel's delayed acknowledgement, 40 ms later: 32 MiB take 20 seconds,
# with every job server. Segments as small as those of a real network, which this asks for, bring it to normal speed.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_MAXSEG TCP_NODELAY SOMAXCONN);

$| = 1;
my $target = shift;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp') or die $@;
setsockopt($server, IPPROTO_TCP, TCP_MAXSEG, 8192) or die $!;
listen($server, SOMAXCONN) or die $!;
print qq({"event":"listening","port":), $server->sockport, "}\n";

while (my $near = $server->accept) {
    next if fork;
    my $far = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$target") or die $@;
    setsockopt($_, IPPROTO_TCP, TCP_NODELAY, 1) for $near, $far;
    my %other = ($near => $far, $far => $near);
    my $select = IO::Select->new($near, $far);
    while (1) {
        for my $from ($select->can_read) {
            exit unless sysread $from, my $bytes, 1 << 18;
            for (my $at = 0; $at < length $bytes;) {
                $at += syswrite($other{$from}, $bytes, length($bytes) - $at, $at) // exit;
            }
        }
    }
}
