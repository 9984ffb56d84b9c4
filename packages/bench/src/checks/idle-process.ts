// Opens many idle worker connections and keeps them.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodePacket, PacketParser, request } from '@gearman/protocol';
import { type Answer, memory, serve } from '../support/messages.ts';

const port = Number(process.env['GEARMAN_SERVERS']?.split(':')[1]);
const BATCH = 100;
const HELLO = Buffer.concat([
  ...encodePacket(request('CAN_DO', { functionName: 'idle' })),
  ...encodePacket(request('PRE_SLEEP', {})),
  ...encodePacket(request('ECHO_REQ', { data: Buffer.from('there?') })),
]);
const sockets: Socket[] = [];
let wakeUps = 0;

async function open(): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  sockets.push(socket);
  const parser = new PacketParser();
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const { type } of parser.push(chunk)) {
        if (type === 'ECHO_RES') resolve();
        if (type === 'NOOP') wakeUps++;
      }
    });
  });
  if (process.env['SAY_HELLO'] === '1') {
    socket.write(HELLO);
    await answered;
  }
}

serve(async (question): Promise<Answer | undefined> => {
  if (question.ask === 'memory') return memory();
  if (question.ask === 'run') {
    const startedAt = performance.now();
    for (let left = question.jobs; left > 0; left -= BATCH) {
      await Promise.all(Array.from({ length: Math.min(BATCH, left) }, open));
    }
    return { type: 'ran', elapsedMs: performance.now() - startedAt, wrong: wakeUps };
  }
  process.exit(0);
});
process.send?.({ type: 'ready' });
