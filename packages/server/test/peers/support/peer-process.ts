import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const LONGEST_WAIT_MS = 15_000;
const LAST_WORDS_CHARS = 2000;

/** A line that a script prints; which fields an event has stands in `scripts/README.md`. */
const eventSchema = z.looseObject({
  event: z.string(),
  handle: z.string().optional(),
  unique: z.string().optional(),
  size: z.int().optional(),
  sha1: z.string().optional(),
  base64: z.string().nullable().optional(),
});
export type PeerEvent = z.infer<typeof eventSchema>;

/** A foreign program that a test runs: lines of JSON out, lines of JSON in. Ends with the block it was made in. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #events: PeerEvent[] = [];
  readonly #waiting: ((event: PeerEvent | undefined) => void)[] = [];
  #lastWords = '';
  #ended = false;

  constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.#name = command.join(' ');
    this.#child = spawn(file, args, { stdio: 'pipe' });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString()).slice(-LAST_WORDS_CHARS);
    });
    this.#child.stdin?.on('error', () => {});
    const onExit = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', onExit);
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('close', () => {
      process.off('exit', onExit);
      this.#end('');
    });
    if (this.#child.stdout === null) return;
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#read(line));
  }

  /** Gives a client its next request. */
  ask(request: object): void {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
  }

  /** The next event, whatever it is. */
  async next(): Promise<PeerEvent> {
    const event = this.#events.shift() ?? (await this.#arrival());
    if (event === undefined)
      throw new Error(`"${this.#name}" said nothing. Its last words:\n${this.#lastWords}`);
    return event;
  }

  /** The next event, which must be this one. */
  async expect(name: string): Promise<PeerEvent> {
    const event = await this.next();
    if (event.event === name) return event;
    throw new Error(`"${this.#name}": expected ${name}, got ${JSON.stringify(event)}\n${this.#lastWords}`);
  }

  /** Ends it as the kernel would that has no memory left. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #read(line: string): void {
    const event = eventSchema.parse(JSON.parse(line));
    const reader = this.#waiting.shift();
    if (reader === undefined) this.#events.push(event);
    else reader(event);
  }

  #end(lastWords: string): void {
    this.#ended = true;
    this.#lastWords += lastWords;
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }

  #arrival(): Promise<PeerEvent | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), LONGEST_WAIT_MS);
      this.#waiting.push((event) => {
        clearTimeout(timer);
        resolve(event);
      });
    });
  }
}
