import { createServer } from '@gearman/server';
import { heapBytes, serve } from './messages.ts';

const server = createServer();
await server.listen({ host: '127.0.0.1', port: 0 });
serve(async ({ ask }) => {
  if (ask === 'heap') return { type: 'heap', heapBytes: heapBytes() };
  await server.close();
  process.exit(0);
});
const [address] = server.addresses;
process.send?.({ type: 'ready', server: `127.0.0.1:${address?.port}` });
