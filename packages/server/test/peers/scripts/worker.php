<?php
// worker.php PORT PREFIX: see README.md; with the PHP extension.
[, $port, $prefix] = $argv;

function took(GearmanJob $job): void
{
    $size = $job->workloadSize();
    $text = $size > 1024 ? null : base64_encode($job->workload());
    echo json_encode(['event' => 'took', 'unique' => $job->unique(), 'size' => $size, 'base64' => $text]), "\n";
}

$functions = [
    'echo' => function (GearmanJob $job): string {
        took($job);
        return $job->workload();
    },
    'busy' => function (GearmanJob $job): string {
        $job->sendStatus(1, 2);
        $job->sendData('part');
        $job->sendWarning('careful');
        return 'done';
    },
    'empty' => fn (GearmanJob $job): string => '',
    'fail' => function (GearmanJob $job): void {
        $job->sendFail();
    },
    'exception' => function (GearmanJob $job): void {
        $job->sendException('boom');
    },
    'hang' => function (GearmanJob $job): void {
        took($job);
        // Until it is killed.
        sleep(60);
    },
];

$worker = new GearmanWorker();
$worker->addOptions(GEARMAN_WORKER_GRAB_UNIQ);
$worker->addServer('127.0.0.1', (int) $port);
foreach ($functions as $name => $function) {
    $worker->addFunction($prefix . $name, $function);
}
while (@$worker->work() || $worker->returnCode() === GEARMAN_WORK_FAIL) {
    continue;
}
fwrite(STDERR, "the worker stopped: {$worker->error()}\n");
