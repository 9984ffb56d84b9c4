// Memory after a million queued jobs, and after they are gone, twice.
import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { type Packet, PacketParser, PacketWriter } from '@gearman/protocol';
import { startServer } from '../support/peer.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000000' },
    'unique-ids': { type: 'boolean', default: false },
  },
});
const JOBS = Number(values.jobs);
const WINDOW = 1000;
const WORKLOAD = Buffer.from('0123456789');
const MIB = 2 ** 20;

/** Sends `next()` with at most `WINDOW` unanswered, until it gives nothing more and all are answered. */
function pump(
  port: number,
  next: () => Packet | undefined,
  onPacket: (packet: Packet, socket: Socket) => number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const parser = new PacketParser();
    const writer = new PacketWriter();
    let open = 0;
    let ended = false;
    const fill = (): void => {
      while (!ended && open < WINDOW) {
        const packet = next();
        if (packet === undefined) ended = true;
        else {
          writer.write(packet);
          open++;
        }
      }
      for (const piece of writer.take()) socket.write(piece);
      if (ended && open === 0) socket.end(resolve);
    };
    socket.on('error', reject);
    socket.on('connect', fill);
    socket.on('data', (chunk: Buffer) => {
      for (const message of parser.push(chunk)) {
        if (!('magic' in message) || 'sizeBytes' in message) throw new Error(`unexpected ${message.type}`);
        if (message.type === 'ERROR') throw new Error(`the server refused: ${message.code} ${message.text}`);
        open -= onPacket(message, socket);
      }
      fill();
    });
  });
}

async function submit(port: number): Promise<void> {
  let sent = 0;
  await pump(
    port,
    () => {
      if (sent === JOBS) return undefined;
      const uniqueId = values['unique-ids'] ? `job-${sent}` : '';
      sent++;
      return { type: 'SUBMIT_JOB_BG', magic: 'REQ', functionName: 'count', uniqueId, workload: WORKLOAD };
    },
    () => 1,
  );
}

async function drain(port: number): Promise<number> {
  let grabbed = 0;
  let done = 0;
  const finished: Packet[] = [{ type: 'CAN_DO', magic: 'REQ', functionName: 'count' }];
  await pump(
    port,
    () => {
      const first = finished.pop();
      if (first !== undefined) return first;
      if (grabbed === JOBS) return undefined;
      grabbed++;
      return { type: 'GRAB_JOB', magic: 'REQ' };
    },
    (packet, socket) => {
      if (packet.type === 'JOB_ASSIGN') {
        done++;
        const complete: Packet = {
          type: 'WORK_COMPLETE',
          magic: 'REQ',
          handle: packet.handle,
          data: WORKLOAD,
        };
        const writer = new PacketWriter();
        writer.write(complete);
        for (const piece of writer.take()) socket.write(piece);
      }
      // CAN_DO is not answered; it counted as one, the first answer makes up for it.
      return done === 1 ? 2 : 1;
    },
  );
  return done;
}

const { peer, port } = await startServer();
const show = async (what: string): Promise<number> => {
  const { heapBytes, rssBytes } = await peer.memory();
  process.stdout.write(
    `${what}: heap ${(heapBytes / MIB).toFixed(1)} MiB, resident ${(rssBytes / MIB).toFixed(1)} MiB\n`,
  );
  return heapBytes;
};
const empty = await show('empty');
const plateaus: number[] = [];
const drained: number[] = [];
for (const round of [1, 2]) {
  await submit(port);
  plateaus.push(await show(`${JOBS} jobs queued (${round})`));
  const done = await drain(port);
  drained.push(await show(`${done} jobs done (${round})`));
  if (done !== JOBS) throw new Error(`${JOBS} jobs were queued, ${done} were done`);
}
await peer.stop();

const [first = 0, second = 0] = plateaus;
const ratio = second / first;
process.stdout.write(`bytes per queued job: ${Math.round((first - empty) / JOBS)}\n`);
process.stdout.write(`second plateau / first: ${ratio.toFixed(3)} (goal: within 0.9 and 1.1)\n`);
const [afterFirst = 0, afterSecond = 0] = drained;
const again = afterSecond / afterFirst;
process.stdout.write(`drained again / drained first: ${again.toFixed(3)} (goal: at most 1.1)\n`);
process.exitCode = ratio > 0.9 && ratio < 1.1 && again <= 1.1 ? 0 : 1;
