import { createClient } from '@gearman/client';
import { contend, port } from './contender.ts';

const client = createClient({ servers: `127.0.0.1:${port}` });
await contend((payload) => client.submit('echo', payload));
await client.close();
