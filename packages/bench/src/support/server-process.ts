import { createServer, type ServerOptions } from '@gearman/server';
import { createJournal } from '@gearman/store-journal';
import { createPostgresStore } from '@gearman/store-postgres';
import { memory, serve } from './messages.ts';

// Options come as JSON, for tests of limits.
const options = JSON.parse(process.env['SERVER_OPTIONS'] ?? '{}') as ServerOptions;
const { DATA_DIR: directory, POSTGRES_URL: connection, POSTGRES_SCHEMA: schema = 'gearman' } = process.env;
const journal = directory === undefined ? undefined : createJournal({ directory });
const store = connection === undefined ? journal : createPostgresStore({ connection, schema });
const server = createServer({ ...options, store });
await server.listen({ host: '127.0.0.1', port: 0 });
serve(async ({ ask }) => {
  if (ask === 'memory') return memory();
  await server.close();
  process.exit(0);
});
process.send?.({ type: 'ready', server: server.address });
