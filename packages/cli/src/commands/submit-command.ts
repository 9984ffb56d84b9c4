import type { Client, Job, JobEvent } from '@gearman/client';
import { Command, Option } from 'commander';
import { readAll, readLines, withoutLineFeed } from '../byte-lines.ts';
import { addConnectionOptions, type ConnectionOptions, connectionOf } from './connection-options.ts';
import { codeOf, exitCodeOf, messageOf, UsageError } from './exit-code.ts';
import { duration, time } from './values.ts';

interface SubmitOptions extends ConnectionOptions {
  readonly background?: true;
  readonly high?: true;
  readonly low?: true;
  readonly delay?: number;
  readonly at?: Date;
  readonly unique?: string;
  readonly lines?: true;
  readonly progress?: true;
  readonly timeout?: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  gearman submit reverse hello
  gearman submit resize - < photo.jpg > small.jpg
  gearman submit mail '{"to":"me"}' --background --unique order-7
  gearman submit report '' --delay 2h
  ls *.jpg | gearman submit thumbnail --lines --json

Without data, or with -, the data is read from standard input.`;

/** `gearman submit` */
export function submitCommand(): Command {
  const command = addConnectionOptions(new Command('submit').description('run a job and print its result'))
    .argument('<function>')
    .argument('[data]', 'what the job gets; - or nothing: standard input')
    .option('-b, --background', 'print the handle, and do not wait for the job')
    .option('--high', 'before jobs of normal priority')
    .addOption(new Option('--low', 'after jobs of normal priority').conflicts('high'))
    .addOption(
      new Option('--delay <duration>', 'in the background, not before so long a time has passed')
        .argParser(duration)
        .conflicts(['at', 'high', 'low', 'progress']),
    )
    .addOption(
      new Option('--at <time>', 'in the background, at a time: 2030-01-31T08:00, local unless it ends with Z')
        .argParser(time)
        .conflicts(['high', 'low', 'progress']),
    )
    .option('-u, --unique <id>', 'jobs with one id that live at the same time are one job')
    .option('-n, --lines', 'one job for each line of standard input, one after the other')
    .option('--progress', 'show on standard error how far the job is')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait, for the server and for the result').argParser(
        duration,
      ),
    )
    .option('--json', 'one JSON object for each job')
    .addHelpText('after', EXAMPLES);
  return command.action(submit);
}

async function submit(functionName: string, data: string | undefined, options: SubmitOptions): Promise<void> {
  const { timeout, lines } = options;
  if (lines === true && data !== undefined && data !== '-') {
    throw new UsageError('with --lines the data comes from standard input');
  }
  const { createClient } = await import('@gearman/client');
  const client = createClient({
    ...connectionOf(options),
    ...(timeout !== undefined && {
      submitTimeoutMs: timeout,
      createdTimeoutMs: timeout,
      responseTimeoutMs: timeout,
    }),
  });
  try {
    for await (const workload of workloads(data, options))
      await submitOne(client, functionName, workload, options);
  } finally {
    await client.close();
  }
}

async function* workloads(
  data: string | undefined,
  { lines }: SubmitOptions,
): AsyncGenerator<Uint8Array, void> {
  if (lines === true) for await (const line of readLines(process.stdin)) yield withoutLineFeed(line);
  else if (data === undefined || data === '-') yield await readAll(process.stdin);
  else yield Buffer.from(data);
}

async function submitOne(
  client: Client,
  name: string,
  workload: Uint8Array,
  options: SubmitOptions,
): Promise<void> {
  const { high, low, unique, background, delay, at, json } = options;
  const settings = {
    ...(high === true && { priority: 'high' as const }),
    ...(low === true && { priority: 'low' as const }),
    ...(unique !== undefined && { uniqueId: unique }),
  };
  let job: Job | undefined;
  try {
    const when = delay === undefined ? at : { delayMs: delay };
    if (background === true || when !== undefined) {
      const ref =
        when === undefined
          ? await client.submitBackground(name, workload, settings)
          : await client.submitAt(name, when, workload, settings);
      process.stdout.write(
        json === true ? `${JSON.stringify({ ok: true, job: String(ref) })}\n` : `${ref}\n`,
      );
      return;
    }
    job = client.submit(name, workload, { ...settings, dataMode: json === true ? 'join' : 'events' });
    job.on('event', (event) => showEvent(event, options));
    const result = await job;
    if (json === true)
      process.stdout.write(`${JSON.stringify({ ok: true, ...ids(job), ...toJson(result) })}\n`);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    if (json !== true) process.stderr.write(`gearman: ${messageOf(error)}\n`);
    else {
      const failure = { ok: false, ...ids(job), code: codeOf(error), message: messageOf(error) };
      process.stdout.write(`${JSON.stringify(failure)}\n`);
    }
  }
}

/** Parts of the result go out as they come. */
function showEvent(event: JobEvent, { json, progress }: SubmitOptions): void {
  if (event.type === 'warning') process.stderr.write(event.bytes);
  else if (event.type === 'status' && progress === true) {
    process.stderr.write(
      `${(event.fraction * 100).toFixed(0)} % (${event.numerator} of ${event.denominator})\n`,
    );
  } else if ((event.type === 'data' || event.type === 'complete') && json !== true)
    process.stdout.write(event.bytes);
}

const ids = (job: Job | undefined): object => (job?.ref === undefined ? {} : { job: String(job.ref) });

/** Text where it is text; else base64, so that no byte is lost. */
function toJson(bytes: Uint8Array): { readonly result: string } | { readonly resultBase64: string } {
  try {
    return { result: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { resultBase64: Buffer.from(bytes).toString('base64') };
  }
}
