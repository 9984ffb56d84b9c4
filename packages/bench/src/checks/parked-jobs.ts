// A queue that is larger than memory: fills a durable server with background jobs, starts it again, and drains it. Prints what
// the process takes meanwhile, and fails when a job is lost, altered or out of order.
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Packet, PacketParser, PacketWriter, request } from '@gearman/protocol';
import { Peer } from '../support/peer.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '5000000' },
    bytes: { type: 'string', default: '1024' },
    'memory-mib': { type: 'string', default: '512' },
    /** Each job has one of its own; they take memory as well. */
    'unique-ids': { type: 'boolean', default: false },
    /** Where the store lies: jobs × bytes and a little more have to fit. */
    folder: { type: 'string', default: tmpdir() },
  },
});
const JOBS = Number(values.jobs);
const WINDOW = 1000;
const MIB = 2 ** 20;
const SAMPLE_MS = 250;
const LINE_EVERY_MS = 10_000;
const payload = Buffer.alloc(Number(values.bytes), 'x');

function payloadOf(number: number): Buffer {
  const own = Buffer.from(payload);
  own.write(`${number} `, 'latin1');
  return own;
}

/** A connection that keeps up to {@link WINDOW} requests unanswered. */
class Pipe {
  readonly #socket: Socket;
  readonly #parser = new PacketParser();
  readonly #writer = new PacketWriter();

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
  }

  send(packet: Packet): void {
    this.#writer.write(packet);
  }

  flush(): void {
    for (const piece of this.#writer.take()) this.#socket.write(piece);
  }

  /** Calls `answered` with every packet that comes until it says that it was the last. */
  run(answered: (packet: Packet) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.on('error', reject);
      this.#socket.on('data', (chunk: Buffer) => {
        for (const message of this.#parser.push(chunk)) {
          if (!('magic' in message) || 'sizeBytes' in message) throw new Error(`unexpected ${message.type}`);
          if (message.type === 'ERROR') throw new Error(`refused: ${message.code} ${message.text}`);
          if (answered(message)) this.#socket.end(resolve);
        }
        this.flush();
      });
      this.flush();
    });
  }
}

async function submitAll(port: number, progress: (done: number) => void): Promise<void> {
  const pipe = new Pipe(port);
  let sent = 0;
  let done = 0;
  const sendOne = (): void => {
    if (sent === JOBS) return;
    const uniqueId = values['unique-ids'] ? `job-${sent}` : '';
    pipe.send(request('SUBMIT_JOB_BG', { functionName: 'count', uniqueId, workload: payloadOf(sent++) }));
  };
  for (let i = 0; i < WINDOW; i++) sendOne();
  await pipe.run(() => {
    progress(++done);
    sendOne();
    return done === JOBS;
  });
}

async function drain(port: number, progress: (done: number) => void): Promise<void> {
  const pipe = new Pipe(port);
  let done = 0;
  const work = (handle: string, workload: Uint8Array): void => {
    if (!payloadOf(done).equals(workload)) throw new Error(`job ${done} came altered or out of order`);
    progress(++done);
    pipe.send(request('WORK_COMPLETE', { handle, data: new Uint8Array(0) }));
  };
  let asked = 0;
  const ask = (): void => {
    asked++;
    pipe.send(request('GRAB_JOB', {}));
  };
  pipe.send(request('CAN_DO', { functionName: 'count' }));
  for (let i = 0; i < WINDOW; i++) ask();
  await pipe.run((packet) => {
    if (packet.type === 'JOB_ASSIGN') {
      asked--;
      work(packet.handle, packet.workload);
      if (done + asked < JOBS) ask();
    } else if (packet.type === 'NO_JOB') {
      asked--;
      // The next ones are being read.
      if (asked === 0) pipe.send(request('PRE_SLEEP', {}));
    } else if (packet.type === 'NOOP') {
      while (asked < WINDOW && done + asked < JOBS) ask();
    }
    return done === JOBS;
  });
}

const directory = await mkdtemp(join(values.folder, 'gearman-parked-'));
const SERVER_OPTIONS = JSON.stringify({ limits: { maxMemoryBytes: Number(values['memory-mib']) * MIB } });

async function start(): Promise<{ peer: Peer; port: number }> {
  const module = new URL('../support/server-process.js', import.meta.url);
  const peer = new Peer(module, '', { SERVER_OPTIONS, DATA_DIR: directory });
  const { server = '' } = await peer.ready;
  return { peer, port: Number(server.split(':')[1]) };
}

/** Does something with many jobs, and says how fast it was and how much memory the server took. */
async function measure(
  what: string,
  peer: Peer,
  run: (progress: (done: number) => void) => Promise<void>,
): Promise<void> {
  let done = 0;
  let most = 0;
  let lines = 0;
  const startedAt = performance.now();
  const line = async (): Promise<void> => {
    const resident = await peer.residentBytes();
    most = Math.max(most, resident);
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs < lines * LINE_EVERY_MS) return;
    lines++;
    const rate = Math.round(done / (elapsedMs / 1000));
    process.stdout.write(`  ${what} ${done}, ${rate}/s, resident ${(resident / MIB).toFixed(0)} MiB\n`);
  };
  const timer = setInterval(() => void line().catch(() => {}), SAMPLE_MS);
  await run((now) => {
    done = now;
  });
  clearInterval(timer);
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(
    `${what}: ${done} jobs in ${seconds.toFixed(1)} s, ${Math.round(done / seconds)}/s, ` +
      `resident at most ${(most / MIB).toFixed(0)} MiB\n`,
  );
}

try {
  const first = await start();
  await measure('submitted', first.peer, (progress) => submitAll(first.port, progress));
  await first.peer.stop();
  const startedAt = performance.now();
  const again = await start();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const resident = (await again.peer.residentBytes()) / MIB;
  process.stdout.write(`started again in ${seconds} s, resident ${resident.toFixed(0)} MiB\n`);
  await measure('done', again.peer, (progress) => drain(again.port, progress));
  await again.peer.stop();
} finally {
  await rm(directory, { recursive: true });
}
