# worker.pl PORT PREFIX: see README.md; with Gearman::Worker.
use strict;
use warnings;
use Gearman::Worker;
use JSON::PP;
use MIME::Base64;

$| = 1;
my ($port, $prefix) = @ARGV;
my $worker = Gearman::Worker->new(job_servers => ["127.0.0.1:$port"]);

sub took {
    my $payload = shift->argref;
    my $size = length $$payload;
    my $text = $size > 1024 ? undef : encode_base64($$payload, '');
    print encode_json({ event => 'took', size => $size, base64 => $text }), "\n";
}

my %functions = (
    echo => sub {
        my $job = shift;
        took($job);
        return $job->argref;
    },
    busy => sub {
        my $job = shift;
        $job->set_status(1, 2);
        $worker->send_work_data($job, 'part');
        $worker->send_work_warning($job, 'careful');
        return 'done';
    },
    empty => sub { return '' },
    fail  => sub { return undef },
    exception => sub {
        my $job = shift;
        $worker->send_work_exception($job, 'boom');
        return undef;
    },
    hang => sub {
        took(shift);
        # Until it is killed.
        sleep 60;
    },
);

$worker->register_function($prefix . $_, $functions{$_}) for sort keys %functions;
$worker->work;
