// The job server process. It tells its parent the port, and ends when its parent does.
import { createServer } from '@gearman/server';

const server = createServer();
await server.listen({ host: '127.0.0.1', port: 0 });

process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => {
  void server.close().then(() => process.exit(0));
});
process.send?.({ servers: server.address });
