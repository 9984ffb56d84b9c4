// What Node itself needs for a connection: a server that accepts, listens, and does nothing.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { memory, serve } from '../support/messages.ts';

const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on('data', () => {});
  socket.on('close', () => sockets.delete(socket));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
serve(async ({ ask }) => {
  if (ask === 'memory') return memory();
  process.exit(0);
});
const address = server.address();
const port = address !== null && typeof address !== 'string' ? address.port : 0;
process.send?.({ type: 'ready', server: `127.0.0.1:${port}` });
