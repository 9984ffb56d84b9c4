import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmin } from '@gearman/admin';
import { createClient } from '@gearman/client';
import { createServer, type Server } from '@gearman/server';
import { watchLeaks } from '@gearman/testing';
import { createWorker } from '@gearman/worker';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { Authority, type Certificate } from '../support/certificates.ts';

const authority = new Authority();
const folder = mkdtempSync(join(tmpdir(), 'gearman-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

const inFiles = (name: string, { cert, key }: Certificate) => {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  return { certFile, keyFile };
};
const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, authority.cert);

beforeEach(() => {
  const leaks = watchLeaks();
  // The first to be asked for is the last to run: after everything that a test opened was closed.
  onTestFinished(() => leaks.check());
});

/** A server that lets in only who has a certificate of ours. */
async function startServer(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ tls: { ...inFiles('server', authority.issue()), caFile } });
  await server.listen({ port: 0 });
  onTestFinished(() => server.close());
  return { server, port: server.addresses[0]?.port ?? 0 };
}

test('client, worker and admin meet over mutual TLS', async () => {
  const { port } = await startServer();
  const servers = `gearmans://localhost:${port}`;
  const tls = { ...inFiles('peer', authority.issue({ hosts: ['peer'] })), caFile };
  await using worker = createWorker({ servers, tls });
  worker.register('reverse', (job) => job.text().split('').reverse().join(''));
  await worker.start();
  await using client = createClient({ servers, tls });
  expect((await client.submit('reverse', 'hello')).toString()).toBe('olleh');
  const ref = await client.submitBackground('reverse', 'later');
  expect(ref.toString()).toMatch(new RegExp(`^localhost:${port}//H:`));
  await using admin = createAdmin({ servers, tls });
  expect((await admin.version()).answers).toEqual([
    { server: `localhost:${port}`, value: expect.any(String) },
  ]);
});

test('who has no certificate of ours hears why, and nothing of it was sent', async () => {
  const { server, port } = await startServer();
  const options = { servers: `gearmans://localhost:${port}`, tls: { caFile } };
  await using client = createClient(options);
  const job = client.submit('f', 'secret', { submitTimeoutMs: 300 });
  await expect(job).rejects.toThrow(
    /never sent.*requires a client certificate|requires a client certificate/,
  );
  await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_TIMEOUT' });
  await using admin = createAdmin(options);
  await expect(admin.version()).rejects.toMatchObject({
    code: 'ERR_GEARMAN_TLS',
    hint: 'set tls.certFile and tls.keyFile',
  });
  expect(server.stats).toMatchObject({ jobs: 0, connections: 0 });
});

test('jobs flow on while the certificates of the server are replaced', async () => {
  const { server, port } = await startServer();
  const options = {
    servers: `gearmans://localhost:${port}`,
    tls: { ...inFiles('peer', authority.issue({ hosts: ['peer'] })), caFile },
  };
  await using worker = createWorker({ ...options, concurrency: 4 });
  worker.register('double', (job) => String(Number(job.text()) * 2));
  await worker.start();
  await using client = createClient(options);
  const disconnects: unknown[] = [];
  server.on('disconnect', (event) => disconnects.push(event));
  const answers: number[] = [];
  for (let round = 0; round < 10; round++) {
    const jobs = Array.from({ length: 20 }, (_, i) => client.submit('double', String(round * 20 + i)));
    inFiles('server', authority.issue());
    server.reloadTls();
    for (const job of jobs) answers.push(Number((await job).toString()));
  }
  expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => i * 2));
  expect(disconnects).toEqual([]);
});
