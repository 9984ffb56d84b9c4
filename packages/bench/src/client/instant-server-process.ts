// A job server that has every result at once: how fast a client is when nobody else is slow.
import { createServer } from 'node:net';
import { PacketParser, PacketWriter, response } from '@gearman/protocol';

let jobs = 0;
const server = createServer({ noDelay: true }, (socket) => {
  const parser = new PacketParser();
  const writer = new PacketWriter();
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    for (const message of parser.push(chunk)) {
      if (message.type === 'SUBMIT_JOB') {
        const handle = `H:instant:${++jobs}`;
        writer.write(response('JOB_CREATED', { handle }));
        writer.write(response('WORK_COMPLETE', { handle, data: message.workload }));
      } else if (message.type === 'OPTION_REQ') {
        writer.write(response('OPTION_RES', { option: message.option }));
      } else if (message.type === 'ECHO_REQ') {
        writer.write(response('ECHO_RES', { data: message.data }));
      }
    }
    socket.cork();
    for (const piece of writer.take()) socket.write(piece);
    socket.uncork();
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('disconnect', () => process.exit(0));
