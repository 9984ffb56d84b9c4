import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { gearmand, gearmandOnFreePort } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const isRoot = process.getuid?.() === 0;

async function submit(port: number, workload: string): Promise<string> {
  await using client = await RawConnection.open(port);
  const packet = { functionName: 'f', uniqueId: '', workload: Buffer.from(workload) };
  client.send(request('SUBMIT_JOB_BG', packet));
  return (await client.expect('JOB_CREATED')).handle;
}

async function take(port: number): Promise<{ handle: string; text: string }> {
  await using worker = await RawConnection.open(port);
  worker.send(request('CAN_DO', { functionName: 'f' }), request('GRAB_JOB', {}));
  const { handle, workload } = await worker.expect('JOB_ASSIGN');
  return { handle, text: Buffer.from(workload).toString() };
}

/** The header of a file of the journal in a format that is not known yet. */
function laterSegment(): Buffer {
  const header = Buffer.alloc(512);
  header.write('GEARMANJ', 'latin1');
  header.writeUInt32LE(99, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 44)), 44);
  return Buffer.concat([header, header]);
}

describe('--data-dir', () => {
  test.each(['SIGKILL', 'SIGTERM'] as const)('keeps background jobs over %s', async (signal) => {
    const directory = join(temporaryFolder(), 'jobs');
    const first = await gearmandOnFreePort('--data-dir', directory);
    const handle = await submit(first.port, 'a photo');
    first.signal(signal);
    await first.ended;

    const second = await gearmandOnFreePort('--data-dir', directory);
    await second.logs('background jobs are kept on disk store="journal');
    expect(await take(second.port)).toEqual({ handle, text: 'a photo' });
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('keeps large payloads, in files, over %s', async (signal) => {
    const directory = join(temporaryFolder(), 'jobs');
    const [spool, payloads] = [join(directory, 'spool'), join(directory, 'payloads')];
    const first = await gearmandOnFreePort('--data-dir', directory);
    const text = 'a film '.repeat(300_000);
    const handle = await submit(first.port, text);
    const namesIn = (folder: string): string[] => readdirSync(folder).filter((name) => name !== 'lock');
    expect([namesIn(spool).length, namesIn(payloads).length]).toEqual([1, 1]);
    first.signal(signal);
    await first.ended;

    const second = await gearmandOnFreePort('--data-dir', directory);
    expect([namesIn(spool), namesIn(payloads).length]).toEqual([[], 1]);
    const job = await take(second.port);
    expect([job.handle, job.text === text]).toEqual([handle, true]);
  });

  test('may stand in GEARMAND_DATA_DIR', async () => {
    const directory = join(temporaryFolder(), 'jobs');
    const args = ['--listen', '127.0.0.1', '--port', '0'];
    await gearmand(args, { GEARMAND_DATA_DIR: directory }).ready;
    expect(readdirSync(directory)).toContain('lock');
  });

  test('that another server uses: code 4, and who that is', async () => {
    const directory = temporaryFolder();
    const first = await gearmandOnFreePort('--data-dir', directory);
    const { code, stdout, stderr } = await gearmand(['--port=0', '--data-dir', directory]).ended;
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toContain(`gearmand: ${directory} is in use by process ${first.pid}`);
  });

  test.each([
    {
      what: 'holds something else',
      make: (directory: string) => writeFileSync(join(directory, 'holiday.jpg'), 'sea'),
      says: /is not a journal: it holds holiday\.jpg/,
    },
    {
      what: 'was written by a later version',
      make: (directory: string) => writeFileSync(join(directory, 'segment-000000000001'), laterSegment()),
      says: /has format \d+, and this version reads up to \d+/,
    },
    {
      what: 'is a file',
      make: (directory: string) => writeFileSync(join(directory, 'x'), ''),
      within: 'x',
      says: /cannot be used: .*(EEXIST|ENOTDIR)/,
    },
  ])('that $what: code 4', async ({ make, within = '', says }) => {
    const directory = temporaryFolder();
    make(directory);
    const { code, stderr } = await gearmand(['--port=0', '--data-dir', join(directory, within)]).ended;
    expect(stderr).toMatch(says);
    expect(code).toBe(4);
  });

  test.runIf(isRoot)('belongs to --user; one that this user cannot write: code 4', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')];
    for (const directory of [theirs, ours]) mkdirSync(directory, { mode: 0o755 });
    const nobody = 65_534;
    chownSync(theirs, nobody, nobody);
    const server = await gearmandOnFreePort('--user', 'nobody', '--data-dir', theirs);
    await submit(server.port, 'x');
    for (const name of readdirSync(theirs)) expect(statSync(join(theirs, name)).uid, name).toBe(nobody);
    server.signal('SIGTERM');
    expect((await server.ended).code).toBe(0);
    expect(existsSync(join(theirs, 'lock'))).toBe(false);

    const { code, stderr } = await gearmand(['-p0', '--user', 'nobody', '--data-dir', ours]).ended;
    expect(stderr).toMatch(/cannot be used: EACCES/);
    expect(code).toBe(4);
  });
});
