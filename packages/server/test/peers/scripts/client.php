<?php
// client.php PORT: see README.md; with the PHP extension.
[, $port] = $argv;
$handle = '';

function say(string $event, array $fields = []): void
{
    echo json_encode(['event' => $event] + $fields), "\n";
}

function bytes(string $bytes): array
{
    $text = strlen($bytes) > 1024 ? null : base64_encode($bytes);
    return ['size' => strlen($bytes), 'sha1' => sha1($bytes), 'base64' => $text];
}

function payload(array $request): string
{
    if (isset($request['base64'])) {
        return base64_decode($request['base64']);
    }
    $alphabet = implode('', array_map('chr', range(0, $request['alphabet'] - 1)));
    return str_repeat($alphabet, intdiv($request['size'], $request['alphabet']));
}

$client = new GearmanClient();
$client->addServer('127.0.0.1', (int) $port);
$client->setTimeout(15000);
$client->setCreatedCallback(function ($task) use (&$handle) {
    $handle = $task->jobHandle();
    say('created', ['handle' => $handle]);
});
$client->setDataCallback(fn ($task) => say('data', bytes($task->data())));
$client->setWarningCallback(fn ($task) => say('warning', bytes($task->data())));
$client->setStatusCallback(
    fn ($task) => say('status', ['numerator' => $task->taskNumerator(), 'denominator' => $task->taskDenominator()])
);
$client->setCompleteCallback(fn ($task) => say('complete', bytes($task->data())));
$client->setFailCallback(fn ($task) => say('fail'));
$client->setExceptionCallback(fn ($task) => say('exception', bytes($task->data())));

function submit(GearmanClient $client, array $request): void
{
    $priority = ($request['priority'] ?? 'normal') === 'normal' ? '' : ucfirst($request['priority']);
    $method = "addTask$priority" . (($request['background'] ?? false) ? 'Background' : '');
    $client->$method($request['function'], payload($request), null, $request['unique'] ?? null);
    if (!@$client->runTasks()) {
        say('error', ['message' => $client->error()]);
    }
}

function status(GearmanClient $client, string $handle): void
{
    [$known, $running, $numerator, $denominator] = $client->jobStatus($handle);
    say('known', compact('known', 'running', 'numerator', 'denominator'));
}

while ($line = fgets(STDIN)) {
    $request = json_decode($line, true);
    match ($request['do']) {
        'submit' => submit($client, $request),
        'status' => status($client, $handle),
        'echo' => say('echo', ['same' => $client->ping('hello')]),
    };
}
