import { createServer } from '@gearman/server';
import { createJournal } from '@gearman/store-journal';
import { memory, serve } from '../support/messages.ts';

const directory = process.env['DATA_DIR'];
const store = directory === undefined ? undefined : createJournal({ directory });
const server = createServer({ store });
await server.listen({ host: '127.0.0.1', port: 0 });
serve(async ({ ask }) => {
  if (ask === 'memory') return memory();
  await server.close();
  process.exit(0);
});
const [address] = server.addresses;
process.send?.({ type: 'ready', server: `127.0.0.1:${address?.port}` });
