// Jobs there and back in whatever runtime this is: with the server on the given port, or with one of its own.
import { createClient } from '@gearman/client';
import { createServer } from '@gearman/server';
import { createWorker } from '@gearman/worker';

const [port = '0'] = process.argv.slice(2);
const own = port === '0' ? await createServer().listen({ host: '127.0.0.1', port: 0 }) : undefined;
const servers = `127.0.0.1:${own?.addresses[0]?.port ?? port}`;

const worker = createWorker({ servers, concurrency: 8 });
worker.register('reverse', (job) => job.payload.slice().reverse());
worker.register('divide', () => {
  throw new RangeError('by zero');
});
await worker.start();
const client = createClient({ servers });

const sizes = [0, 1, 100, 65_536, 1 << 20];
for (const size of sizes) {
  const data = new Uint8Array(size).map((_, i) => i % 251);
  const result = await client.submit('reverse', data);
  const expected = data.slice().reverse();
  if (Buffer.compare(result, expected) !== 0) throw new Error(`${size} bytes came back changed`);
}
const results = await Promise.all(
  Array.from({ length: 500 }, (_, i) => client.submit('reverse', `job ${i}`).text()),
);
const crossed = results.filter((text, i) => text !== [...`job ${i}`].reverse().join(''));
const failed = await client.trySubmit('divide');
const ref = await client.submitBackground('nobody', 'x');
const { known, running } = await client.status(ref);

console.log(
  JSON.stringify({
    runtime: ['bun', 'deno'].find((name) => name in process.versions) ?? 'node',
    sizes: sizes.length,
    jobs: results.length,
    crossed: crossed.length,
    failed: failed.ok ? 'no' : failed.error.code,
    status: { known, running },
  }),
);
await client.close();
await worker.stop();
await own?.close();
