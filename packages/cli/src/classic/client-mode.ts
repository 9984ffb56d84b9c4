import { type Client, createClient, type Job, type JobEvent } from '@gearman/client';
import { readAll, readLines, withoutLineFeed } from '../byte-lines.ts';
import type { ClassicArguments } from './arguments.ts';
import { complain } from './complain.ts';
import { classicServers } from './servers.ts';
import { StandardOutput } from './standard-output.ts';

/** Submits what the command line says. Resolves with the exit code: 1 when a job failed, as in the C tool. */
export async function runClient(given: ClassicArguments): Promise<number> {
  const client = createClient({
    servers: classicServers(given, process.env),
    strategy: 'first',
    tls: given.tls,
    // The C tool says at once that nobody is there.
    reconnect: { maxAttempts: 1 },
    exceptions: false,
    generateUnique: true,
  });
  const output = new StandardOutput((bytes) => process.stdout.write(bytes), process.stdout.isTTY);
  const run = new ClientRun(client, given, output);
  try {
    for await (const workload of workloadsOf(given)) await run.submit(workload);
    return run.exitCode;
  } finally {
    output.flush();
    await client.close();
  }
}

async function* workloadsOf(given: ClassicArguments): AsyncGenerator<Uint8Array, void> {
  if (given.words.length > 0) for (const word of given.words) yield Buffer.from(word);
  else if (given.noInput) yield new Uint8Array(0);
  else if (given.perLine) {
    for await (const line of readLines(process.stdin))
      yield given.stripNewline ? withoutLineFeed(line) : line;
  } else yield await readAll(process.stdin);
}

class ClientRun {
  exitCode = 0;
  readonly #client: Client;
  readonly #given: ClassicArguments;
  readonly #output: StandardOutput;

  constructor(client: Client, given: ClassicArguments, output: StandardOutput) {
    this.#client = client;
    this.#given = given;
    this.#output = output;
  }

  /** One job for each function, all at once; resolves when all are over. */
  async submit(workload: Uint8Array): Promise<void> {
    const { functions, priority, uniqueId, background } = this.#given;
    const options = { priority, ...(uniqueId !== undefined && { uniqueId }) };
    await Promise.all(
      functions.map((name) =>
        background
          ? this.#submitBackground(name, workload, options)
          : this.#follow(name, this.#client.submit(name, workload, { ...options, dataMode: 'events' })),
      ),
    );
  }

  async #submitBackground(
    name: string,
    workload: Uint8Array,
    options: { readonly priority: 'high' | 'normal' | 'low'; readonly uniqueId?: string },
  ): Promise<void> {
    try {
      const { timeoutMs } = this.#given;
      const patience =
        timeoutMs === undefined ? {} : { submitTimeoutMs: timeoutMs, createdTimeoutMs: timeoutMs };
      const { handle } = await this.#client.submitBackground(name, workload, { ...options, ...patience });
      this.#created(handle);
    } catch (error) {
      complain(error);
    }
  }

  /** Shows what becomes of a job. With a time-out, no longer than nothing was heard for that long. */
  async #follow(name: string, job: Job): Promise<void> {
    const { timeoutMs } = this.#given;
    const giveUp = (): void => {
      complain(new Error(`nothing was heard of the job for ${timeoutMs} ms`));
      job.detach();
    };
    const silence = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs);
    // A listener and no loop: what several jobs say keeps its order.
    job.on('event', (event) => {
      silence?.refresh();
      this.#show(name, event);
    });
    await job.then(
      () => {},
      () => {},
    );
    clearTimeout(silence);
  }

  #show(name: string, event: JobEvent): void {
    switch (event.type) {
      case 'created':
        this.#created(event.ref.handle);
        break;
      case 'data':
      case 'complete':
        if (this.#given.prefix) {
          this.#output.text(`${name}: `);
          this.#output.flush();
        }
        this.#output.bytes(event.bytes);
        break;
      case 'warning':
        process.stderr.write(this.#prefixed(name, event.bytes));
        break;
      case 'status': {
        const percent = event.denominator === 0 ? 0 : Math.trunc((event.numerator * 100) / event.denominator);
        this.#output.text(`${this.#given.prefix ? `${name}: ` : ''}${percent}% Complete\n`);
        break;
      }
      case 'fail':
        if (event.error.code === 'ERR_GEARMAN_JOB_FAILED') this.#failed(name);
        else complain(event.error);
        break;
      case 'exception':
        this.#failed(name);
        break;
      case 'timeout':
      case 'lost':
        complain(event.error);
        break;
      default:
        break;
    }
  }

  #created(handle: string): void {
    if (this.#given.verbose) this.#output.text(`Task created: ${handle}\n`);
  }

  #failed(name: string): void {
    process.stderr.write(this.#prefixed(name, Buffer.from('Job failed\n')));
    this.exitCode = 1;
  }

  #prefixed(name: string, bytes: Uint8Array): Uint8Array {
    return this.#given.prefix ? Buffer.concat([Buffer.from(`${name}: `), bytes]) : bytes;
  }
}
