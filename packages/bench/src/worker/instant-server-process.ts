// A job server that always has a job of `echo` and keeps no queue: how fast a worker is when nobody else is slow.
import { createServer } from 'node:net';
import { type Packet, PacketParser, PacketWriter, response } from '@gearman/protocol';
import { Meter } from './measurement.ts';

// More than any worker has at once.
const MOST_RUNNING = 8192;

const meter = new Meter();
/** When each running job was handed out, by its number; 0 when none is running. */
const handedOut = new Float64Array(MOST_RUNNING);
let jobs = 0;

/** What becomes of a packet. */
type Answer = (packet: Packet) => Packet | undefined;

const assign = (type: 'JOB_ASSIGN' | 'JOB_ASSIGN_UNIQ' | 'JOB_ASSIGN_ALL'): Packet => {
  const id = jobs++;
  handedOut[id % MOST_RUNNING] = performance.now();
  const job = { handle: `H:instant:${id}`, functionName: 'echo', workload: workloadOf(id) };
  if (type === 'JOB_ASSIGN') return response(type, job);
  if (type === 'JOB_ASSIGN_UNIQ') return response(type, { ...job, uniqueId: '' });
  return response(type, { ...job, uniqueId: '', reducer: '' });
};

const complete: Answer = (packet) => {
  if (packet.type !== 'WORK_COMPLETE') return undefined;
  const id = Number(packet.handle.slice(packet.handle.lastIndexOf(':') + 1));
  const at = handedOut[id % MOST_RUNNING] ?? 0;
  handedOut[id % MOST_RUNNING] = 0;
  if (at === 0 || workloadOf(id).compare(packet.data) !== 0) meter.wrong();
  else meter.done(performance.now() - at);
  return undefined;
};

const ANSWERS: { readonly [type: string]: Answer } = {
  GRAB_JOB: () => assign('JOB_ASSIGN'),
  GRAB_JOB_UNIQ: () => assign('JOB_ASSIGN_UNIQ'),
  GRAB_JOB_ALL: () => assign('JOB_ASSIGN_ALL'),
  WORK_COMPLETE: complete,
  PRE_SLEEP: () => response('NOOP', {}),
  ECHO_REQ: (packet) =>
    packet.type === 'ECHO_REQ' ? response('ECHO_RES', { data: packet.data }) : undefined,
};

const server = createServer({ noDelay: true }, (socket) => {
  const parser = new PacketParser();
  const writer = new PacketWriter();
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    for (const message of parser.push(chunk)) {
      const answer =
        'magic' in message && !('sizeBytes' in message) ? ANSWERS[message.type]?.(message) : undefined;
      if (answer !== undefined) writer.write(answer);
    }
    socket.cork();
    for (const piece of writer.take()) socket.write(piece);
    socket.uncork();
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('message', ({ worker, seconds }: { readonly worker: number; readonly seconds: number }) => {
  void meter
    .measure(seconds, { worker, server: undefined })
    .then((measurement) => process.send?.(measurement));
});
process.on('disconnect', () => process.exit(0));

function workloadOf(id: number): Buffer {
  return Buffer.from(String(id).padStart(10, '0'), 'latin1');
}
