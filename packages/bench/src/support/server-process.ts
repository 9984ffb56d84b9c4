import { createServer, type ServerOptions } from '@gearman/server';
import { memory, serve } from './messages.ts';

// Options come as JSON, for tests of limits.
const server = createServer(JSON.parse(process.env['SERVER_OPTIONS'] ?? '{}') as ServerOptions);
await server.listen({ host: '127.0.0.1', port: 0 });
serve(async ({ ask }) => {
  if (ask === 'memory') return memory();
  await server.close();
  process.exit(0);
});
const [address] = server.addresses;
process.send?.({ type: 'ready', server: `127.0.0.1:${address?.port}` });
