import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startOurServer, startRawWorker } from '@gearman/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Authority } from '../../../../test/support/certificates.ts';
import { runGearadmin, runGearman } from '../../src/index.ts';
import { runHere } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const authority = new Authority();

async function startSecureServer() {
  const { cert, key } = authority.issue();
  const server = await startOurServer({ tls: { cert, key } });
  onTestFinished(() => server.stop());
  const caFile = join(temporaryFolder(), 'ca.pem');
  writeFileSync(caFile, authority.cert);
  return { port: String(server.port), caFile };
}

test('--tls and --ca-file encrypt', async () => {
  const { port, caFile } = await startSecureServer();
  const args = ['version', '--json', '-h', '127.0.0.1', '-p', port];
  const { code, stdout } = await runHere(runGearman, [...args, '--ca-file', caFile]);
  expect([code, JSON.parse(stdout).servers.length]).toEqual([0, 1]);
  expect((await runHere(runGearman, [...args, '--tls'])).code).toBe(3);
});

test('-S of the C tools takes the certificates that GEARMAND_CA_CERTIFICATE names', async () => {
  const { port, caFile } = await startSecureServer();
  vi.stubEnv('GEARMAND_CA_CERTIFICATE', caFile);
  onTestFinished(() => void vi.unstubAllEnvs());
  const where = ['-S', '-h', '127.0.0.1', '-p', port];
  expect(await runHere(runGearman, [...where, '-b', '-v', '-f', 'later', 'x'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Task created: H:/),
  });
  expect(await runHere(runGearadmin, [...where, '--server-version'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d/),
  });
});

test('-h takes the path of a Unix socket', async () => {
  const { createServer } = await import('@gearman/server');
  const path = join(temporaryFolder(), 'g.sock');
  await using _server = await createServer().listen({ path });
  for (const command of [
    () => runHere(runGearadmin, ['-h', path, '--server-version']),
    () => runHere(runGearman, ['version', '-h', path]),
    () => runHere(runGearman, ['-h', path, '-b', '-f', 'later', 'x']),
  ]) {
    expect(await command()).toMatchObject({ code: 0, stderr: '' });
  }
});

test('a job of the C command line may carry more than one packet of a socket', async () => {
  await using server = await startOurServer();
  await using _worker = await startRawWorker(server.port, {
    size: (job) => job.complete(String(job.workload.length)),
  });
  const data = 'x'.repeat(100_000);
  const { stdout } = await runHere(runGearman, [
    '-h',
    '127.0.0.1',
    '-p',
    String(server.port),
    '-f',
    'size',
    data,
  ]);
  expect(stdout).toBe('100000');
});
