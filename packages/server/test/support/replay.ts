import { createServer, type Server, type ServerOptions } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { readMessage } from './read-message.ts';
import type { Sample, Step } from './samples.ts';
import { TestConnection } from './test-connection.ts';

const RECORDED_HANDLE = /(?:H:jobhost|X:custom):(\d+)/g;
const OUR_SCHEDULE = /S:[!-9;-~]+:[0-9a-z]+-(\d+)/g;
const OUR_HANDLE = /(?:H:[!-9;-~]+|X:custom):[0-9a-z]+-(\d+)/g;

/** Where ours answered otherwise than the recording, by the number of the frame. */
export type Differences = Map<number, { readonly recorded: string; readonly ours: string }>;

/**
 * Plays a recording to a server of ours and returns what was different.
 *
 * @param isSilent true for a frame that ours is known not to send, so that nobody waits for it
 */
export async function replay(sample: Sample, isSilent: (seq: number) => boolean): Promise<Differences> {
  const clock = new FakeClock(startOf(sample));
  const server = await createServer({ ...optionsOf(sample.args), clock }).listen({ port: 0 });
  const player = new Player(server, clock, prefixOf(sample), isSilent);
  try {
    for (const step of sample.steps) await player.play(step);
    return player.differences;
  } finally {
    await player.close();
  }
}

class Player {
  readonly differences: Differences = new Map();
  readonly #server: Server;
  readonly #clock: FakeClock;
  readonly #recordedPrefix: string;
  readonly #isSilent: (seq: number) => boolean;
  readonly #connections = new Map<string, TestConnection>();
  readonly #inboxes = new Map<string, string[]>();
  #ourPrefix: string | undefined;

  constructor(server: Server, clock: FakeClock, recordedPrefix: string, isSilent: (seq: number) => boolean) {
    this.#isSilent = isSilent;
    this.#server = server;
    this.#clock = clock;
    this.#recordedPrefix = recordedPrefix;
  }

  async play(step: Step): Promise<void> {
    const connection = await this.#connection(step.conn);
    if (step.kind === 'send') {
      connection.sendBytes(Buffer.from(this.#toOurs(step.bytes), 'latin1'));
      await this.#collect(step.conn, connection);
    } else if (step.kind === 'receive') {
      await this.#collect(step.conn, connection);
      if (!this.#isSilent(step.seq)) await this.#awaitSomething(step.conn, connection);
      const recorded = normalized(step.bytes);
      this.#compare(step.seq, recorded, this.#take(step.conn, recorded));
    } else if (step.kind === 'nothing-received') {
      this.#clock.advance(step.ms);
      await this.#collect(step.conn, connection);
      this.#compare(step.seq, '', this.#takeAll(step.conn));
    } else if (step.kind === 'closed-by-server') {
      await connection.arrived();
      if (!connection.ended) this.differences.set(step.seq, { recorded: 'closed', ours: 'open' });
    } else if (step.kind === 'closed-by-peer') {
      const gone = new Promise<void>((resolve) => this.#server.once('disconnect', () => resolve()));
      await connection.close();
      await gone;
      this.#connections.delete(step.conn);
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.values()) await connection.close();
    await this.#server.close();
  }

  async #connection(name: string): Promise<TestConnection> {
    let connection = this.#connections.get(name);
    if (connection === undefined) {
      connection = await TestConnection.open(this.#server.addresses[0]?.port ?? 0);
      this.#connections.set(name, connection);
      // So that connections are known in the order in which they were made.
      await connection.arrived();
    }
    return connection;
  }

  /** What comes only after some time, like a timeout, comes within a few turns of the clock. */
  async #awaitSomething(name: string, connection: TestConnection): Promise<void> {
    for (let turns = 0; turns < 20 && this.#inboxes.get(name)?.length === 0; turns++) {
      this.#clock.advance(100);
      await this.#collect(name, connection);
    }
  }

  async #collect(name: string, connection: TestConnection): Promise<void> {
    const arrived = await connection.arrived();
    this.#inboxes.set(name, [
      ...(this.#inboxes.get(name) ?? []),
      ...arrived.map((text) => normalized(this.#toRecorded(text))),
    ]);
  }

  /** As many messages as the recorded frame has. */
  #take(name: string, recorded: string): string {
    const inbox = this.#inboxes.get(name) ?? [];
    let text = inbox.shift() ?? '';
    while (text.length < recorded.length && recorded.startsWith(text) && inbox.length > 0)
      text += inbox.shift();
    return text;
  }

  #takeAll(name: string): string {
    return (this.#inboxes.get(name) ?? []).splice(0).join('');
  }

  #compare(seq: number, recorded: string, ours: string): void {
    if (recorded !== ours) {
      this.differences.set(seq, { recorded: readMessage(recorded), ours: readMessage(ours) });
    }
  }

  #toRecorded(message: string): string {
    const found = OUR_HANDLE.exec(message);
    OUR_HANDLE.lastIndex = 0;
    if (found !== null) this.#ourPrefix = found[0].slice(0, -(found[1]?.length ?? 0));
    const renamed = message
      .replaceAll(OUR_SCHEDULE, 'S:jobhost:$1')
      .replaceAll(OUR_HANDLE, `${this.#recordedPrefix}:$1`);
    return resized(renamed, message);
  }

  #toOurs(message: string): string {
    const prefix = this.#ourPrefix;
    if (prefix === undefined) return message;
    return resized(message.replaceAll(RECORDED_HANDLE, `${prefix}$1`), message);
  }
}

/** Without what differs from run to run: versions, process ids, descriptors, the order of listings. */
function normalized(message: string): string {
  if (message.endsWith('.\n') && !message.startsWith('OK')) {
    const lines = message.split('\n').slice(0, -2);
    return [...lines.map((line) => line.replace(/^\d+ (?=127\.0\.0\.1 )/, '# ')).sort(), '.\n'].join('\n');
  }
  return message
    .replaceAll(/OK (?:1\.1\.20\+ds|0\.1\.0)\n/g, 'OK version\n')
    .replace(/^OK \d+\n$/, 'OK pid\n');
}

/** Corrects the size in the header of a packet whose handle has another length now. */
function resized(message: string, before: string): string {
  if (message === before || !message.startsWith('\0RE')) return message;
  const bytes = Buffer.from(message, 'latin1');
  bytes.writeUInt32BE(bytes.readUInt32BE(8) + message.length - before.length, 8);
  return bytes.toString('latin1');
}

function prefixOf({ args }: Sample): string {
  return args.includes('X:custom') ? 'X:custom' : 'H:jobhost';
}

function optionsOf(args: readonly string[]): ServerOptions {
  const argument = (name: string): string | undefined => {
    const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
    return at < 0 ? undefined : (args[at]?.split('=')[1] ?? args[at + 1]);
  };
  return {
    // As gearmand: everybody is woken.
    workerWakeup: Number(argument('--worker-wakeup') ?? 0),
    jobRetries: Number(argument('--job-retries') ?? -1),
    exceptions: args.includes('--exceptions'),
    jobHandlePrefix: argument('--job-handle-prefix'),
  };
}

/** Where the clock has to stand so that the job of a later time is due when it was due in the recording. */
function startOf({ name, steps }: Sample): number | undefined {
  const SUBMIT_JOB_EPOCH = '\0REQ\0\0\0\x24';
  const waitedMs = steps.reduce((sum, step) => sum + (step.kind === 'nothing-received' ? step.ms : 0), 0);
  for (const step of steps) {
    if (step.kind !== 'send' || !step.bytes.startsWith(SUBMIT_JOB_EPOCH)) continue;
    const seconds = Number(step.bytes.slice(12).split('\0')[2]);
    // gearmand 2.0 was seen to wake the worker; with 1.1.20 one waited until the time was surely past.
    if (seconds > 1_700_000_000) return seconds * 1000 - waitedMs - (name.startsWith('2.0') ? 50 : 0);
  }
  return undefined;
}
