# client.pl PORT: see README.md; with Gearman::Client.
use strict;
use warnings;
use Digest::SHA qw(sha1_hex);
use Gearman::Client;
use JSON::PP;
use MIME::Base64;

$| = 1;
my $port = shift;
my $handle;

sub say_event {
    my ($event, %fields) = @_;
    print encode_json({ event => $event, %fields }), "\n";
}

sub bytes {
    my $size = length $_[0];
    return (size => $size, sha1 => sha1_hex($_[0]), base64 => $size > 1024 ? undef : encode_base64($_[0], ''));
}

sub payload {
    my $request = shift;
    return decode_base64($request->{base64}) if defined $request->{base64};
    my $alphabet = join '', map { chr } 0 .. $request->{alphabet} - 1;
    return $alphabet x ($request->{size} / $request->{alphabet});
}

my $client = Gearman::Client->new(job_servers => ["127.0.0.1:$port"], exceptions => 1);

sub submit {
    my $request = shift;
    my $payload = payload($request);
    my %options = (priority => $request->{priority} || 'normal', uniq => $request->{unique});
    if ($request->{background}) {
        $handle = $client->dispatch_background($request->{function}, \$payload, \%options);
        return say_event($handle ? 'created' : 'error', handle => $handle =~ s{^.*//}{}r);
    }
    my $tasks = $client->new_task_set;
    $handle = $tasks->add_task(
        $request->{function}, \$payload,
        {
            %options,
            on_status    => sub { say_event('status', numerator => $_[0] + 0, denominator => $_[1] + 0) },
            on_data      => sub { say_event('data', bytes(${ $_[0] })) },
            on_warning   => sub { say_event('warning', bytes(${ $_[0] })) },
            on_complete  => sub { say_event('complete', bytes(${ $_[0] })) },
            on_fail      => sub { say_event('fail') },
            on_exception => sub { say_event('exception', bytes($_[0])) },
        }
    );
    say_event('created', handle => $handle =~ s{^.*//}{}r) if $handle;
    $tasks->wait(timeout => 15);
}

sub status {
    my $status = $client->get_status($handle);
    my ($numerator, $denominator) = @{ $status->progress || [0, 0] };
    say_event(
        'known',
        known       => $status->known ? \1 : \0,
        running     => $status->running ? \1 : \0,
        numerator   => $numerator + 0,
        denominator => $denominator + 0
    );
}

while (my $line = <STDIN>) {
    my $request = decode_json($line);
    submit($request) if $request->{do} eq 'submit';
    status() if $request->{do} eq 'status';
    say_event('admin', functions => $client->get_job_server_status->{"127.0.0.1:$port"})
        if $request->{do} eq 'admin';
}
