// A job server that always has a job of `echo` and keeps no queue: how fast a worker is when nobody else is slow.
import { createServer } from 'node:net';
import { type Packet, PacketParser, PacketWriter, response } from '@gearman/protocol';
import { Meter } from './measurement.ts';

type AssignType = 'JOB_ASSIGN' | 'JOB_ASSIGN_UNIQ' | 'JOB_ASSIGN_ALL';

interface Job {
  readonly handle: string;
  readonly workload: Buffer;
  /** When it was handed out; 0 while it is not running. */
  at: number;
}

const meter = new Meter();
// Made in advance, handed out in turn: more than any worker has at once.
const jobs: readonly Job[] = Array.from({ length: 1024 }, (_, i) => ({
  handle: `H:instant:${i}`,
  workload: Buffer.from(String(i).padStart(10, '0'), 'latin1'),
  at: 0,
}));
const byHandle = new Map(jobs.map((job) => [job.handle, job]));
let handedOut = 0;
// Once per chunk: a clock is dear.
let nowMs = 0;

function answer(packet: Packet): Packet | undefined {
  switch (packet.type) {
    case 'WORK_COMPLETE':
      complete(packet.handle, packet.data);
      return undefined;
    case 'GRAB_JOB':
      return assign('JOB_ASSIGN');
    case 'GRAB_JOB_UNIQ':
      return assign('JOB_ASSIGN_UNIQ');
    case 'GRAB_JOB_ALL':
      return assign('JOB_ASSIGN_ALL');
    case 'PRE_SLEEP':
      return response('NOOP', {});
    case 'ECHO_REQ':
      return response('ECHO_RES', { data: packet.data });
    case 'OPTION_REQ':
      return response('OPTION_RES', { option: packet.option });
    default:
      return undefined;
  }
}

function assign(type: AssignType): Packet | undefined {
  const job = jobs[handedOut++ % jobs.length];
  if (job === undefined) return undefined;
  if (job.at !== 0) meter.wrong();
  job.at = nowMs;
  const { handle, workload } = job;
  return { type, magic: 'RES', handle, functionName: 'echo', uniqueId: '', reducer: '', workload };
}

function complete(handle: string, data: Uint8Array): void {
  const job = byHandle.get(handle);
  if (job === undefined || job.at === 0 || !sameBytes(job.workload, data)) meter.wrong();
  else meter.done(nowMs - job.at);
  if (job !== undefined) job.at = 0;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  // Faster by hand for so few.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

const server = createServer({ noDelay: true }, (socket) => {
  const parser = new PacketParser();
  const writer = new PacketWriter();
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    nowMs = performance.now();
    for (const message of parser.push(chunk)) {
      if (!('magic' in message) || 'sizeBytes' in message) throw new Error(`unexpected ${message.type}`);
      const reply = answer(message);
      if (reply !== undefined) writer.write(reply);
    }
    for (const piece of writer.take()) socket.write(piece);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('message', ({ warmMs, ms }: { readonly warmMs: number; readonly ms: number }) => {
  void meter.measure(warmMs, ms).then((measurement) => process.send?.(measurement));
});
process.on('disconnect', () => process.exit(0));
