import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { request } from '@gearman/protocol';
import { RawConnection, startRawWorker } from '@gearman/testing';
import sqlite from 'node-sqlite3-wasm';
import { describe, expect, test } from 'vitest';
import { runGearmand } from '../../src/gearmand/run.ts';
import { startCommand } from '../support/command.ts';
import { ask, type Gearmand, gearmandOnFreePort } from '../support/gearmand.ts';
import { type EndedHere, runHere } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

const store = (...args: string[]): Promise<EndedHere> => runHere(runGearmand, ['store', ...args]);

async function stopped(server: Gearmand): Promise<void> {
  server.signal('SIGTERM');
  await server.ended;
}

/** A store that a server has left, with a limit and three jobs; and their handles. */
async function usedStore(): Promise<{ readonly directory: string; readonly handles: readonly string[] }> {
  const directory = join(temporaryFolder(), 'jobs');
  const server = await gearmandOnFreePort('--data-dir', directory);
  const handles: string[] = [];
  {
    await using client = await RawConnection.open(server.port);
    for (const workload of ['one', 'two', '\u00ff']) {
      const parts = { functionName: 'mail', uniqueId: '', workload: Buffer.from(workload, 'latin1') };
      client.send(request('SUBMIT_JOB_BG', parts));
      handles.push((await client.expect('JOB_CREATED')).handle);
    }
  }
  await ask({ port: server.port, host: '127.0.0.1' }, 'maxqueue mail 7');
  await stopped(server);
  return { directory, handles };
}

/** Runs as many jobs as there should be; says which came. */
async function runJobs(port: number, count: number): Promise<[handle: string, workload: string][]> {
  const ran: [string, string][] = [];
  await new Promise<void>((resolve, reject) => {
    startRawWorker(port, {
      mail: ({ handle, workload }) => {
        ran.push([handle, Buffer.from(workload).toString('latin1')]);
        if (ran.length === count) resolve();
      },
    }).catch(reject);
  });
  return ran;
}

/** Flips a bit in a record of a store. */
function damage(directory: string, text: string): void {
  const path = join(directory, readdirSync(directory).find((name) => name.startsWith('segment-')) ?? '');
  const bytes = readFileSync(path);
  const at = bytes.indexOf(text);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

describe('gearmand store', () => {
  test('export and import move jobs, limits and handles to another store', async () => {
    const { directory, handles } = await usedStore();
    const [file, other] = [join(directory, '../jobs.jsonl'), join(directory, '../other')];
    const written = await store('export', directory, file);
    expect(written).toMatchObject({ code: 0, stdout: '' });
    expect(written.stderr).toContain('exported 3 jobs from journal');
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const taken = await store('import', other, file);
    expect(taken).toMatchObject({ code: 0, stderr: '' });
    expect(taken.stdout).toMatch(/^imported 3 jobs of .* into .*, under their handles\n$/);
    const server = await gearmandOnFreePort('--data-dir', other);
    expect(await ask({ port: server.port, host: '127.0.0.1' }, 'status')).toBe('mail\t3\t0\t0\n.\n');
    const ran = await runJobs(server.port, 3);
    expect(ran).toEqual([
      [handles[0], 'one'],
      [handles[1], 'two'],
      [handles[2], '\u00ff'],
    ]);
  });

  test('export writes to standard output, import reads standard input', async () => {
    const { directory } = await usedStore();
    const exported = await startCommand('gearmand', ['store', 'export', directory]).ended;
    expect(exported.code).toBe(0);
    const lines = exported.stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines[0]).toMatchObject({ format: 'gearman-jobs', version: 1, lastNumber: 3 });
    expect(lines).toContainEqual({ setting: 'max-queue:mail', value: '7 7 7' });
    expect(lines).toContainEqual(expect.objectContaining({ function: 'mail', payload: 'one' }));
    expect(lines.at(-1)).toEqual({ end: true });
    const other = join(directory, '../other');
    const { code, stdout } = await startCommand('gearmand', ['store', 'import', other, '-'], exported.stdout)
      .ended;
    expect(stdout).toContain('imported 3 jobs of standard input');
    expect(code).toBe(0);
  });

  test('check describes a clean store with code 0, and a damaged one with code 1', async () => {
    const { directory } = await usedStore();
    const clean = await store('check', directory);
    expect(clean).toMatchObject({ code: 0, stderr: '' });
    expect(clean.stdout).toMatch(/^jobs {6}3, with numbers up to/m);
    expect(clean.stdout).toMatch(/^setting {3}max-queue:mail = 7 7 7$/m);
    expect(clean.stdout.endsWith('\nclean\n')).toBe(true);

    damage(directory, 'two');
    const damaged = await store('check', directory);
    expect(damaged.code).toBe(1);
    expect(damaged.stdout).toMatch(
      /^DAMAGE {4}segment-\d+ at [\d,]+: \d+ bytes that are no record; 1 record is gone$/m,
    );
    expect(damaged.stdout).toMatch(/\nDAMAGED: missing are 1 record; 1 file with damage\n$/);
    const json = await store('check', '--json', directory);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      jobs: 2,
      isClean: false,
      settings: { 'max-queue:mail': '7 7 7' },
      report: { damage: [{ kind: 'damaged', missingRecords: 1 }] },
    });
  });

  test('compact repairs what is damaged, and says how much space it takes', async () => {
    const { directory } = await usedStore();
    damage(directory, 'two');
    const { code, stdout, stderr } = await store('compact', directory);
    expect(stderr).toContain('is damaged; what can be read goes on');
    expect(stdout).toMatch(/[\d,]+ bytes before, [\d,]+ now, for 2 jobs of \d+ bytes\n$/);
    expect(code).toBe(0);
    const after = await store('check', directory);
    expect(after).toMatchObject({ code: 0 });
    expect(after.stdout).toMatch(/^kept {6}damaged-segment-\d+/m);
  });

  test('does nothing to a store that a server uses: code 4, and who that is', async () => {
    const directory = join(temporaryFolder(), 'jobs');
    const server = await gearmandOnFreePort('--data-dir', directory);
    const file = join(directory, '../file');
    for (const args of [['check'], ['compact'], ['export', file]]) {
      const [command = '', ...more] = args;
      const { code, stderr } = await store(command, directory, ...more);
      expect(stderr, command).toContain(`${directory} is in use by process ${server.pid}`);
      expect(code, command).toBe(4);
    }
    expect(existsSync(file)).toBe(false);
  });

  test('makes no store where none is, unless it is to import jobs: code 4', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'empty'));
    for (const command of ['check', 'compact', 'export']) {
      for (const name of ['empty', 'nowhere']) {
        const { code, stderr } = await store(command, join(folder, name));
        expect(stderr, `${command} ${name}`).toMatch(/holds no journal|cannot be used: ENOENT/);
        expect(code).toBe(4);
      }
    }
    expect(readdirSync(folder, { recursive: true })).toEqual(['empty']);
  });

  test('takes no file that is no good, and overwrites none: code 1', async () => {
    const { directory } = await usedStore();
    const file = join(directory, '../file');
    writeFileSync(file, 'a letter\n');
    const refused = await store('export', directory, file);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('EEXIST');
    expect(readFileSync(file, 'utf8')).toBe('a letter\n');
    const imported = await store('import', directory, file);
    expect(imported).toMatchObject({
      code: 1,
      stderr: `gearmand: ${file} holds no exported jobs: its first line is not JSON\n`,
    });
    const missing = await store('import', directory, `${file}s`);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toContain('files cannot be read: ENOENT');
  });

  test.each([[[]], [['chek', 'x']], [['check']], [['check', 'x', '--repair']], [['import', 'x']]])(
    'with wrong arguments ends with code 2: %j',
    async (args) => {
      expect(await store(...args)).toMatchObject({ code: 2, stdout: '' });
    },
  );

  test('has help', async () => {
    expect(await store('--help')).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout } = await store('import', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('sqlite3 queue of a gearmand');
    expect((await runHere(runGearmand, ['store', 'check', '-h'])).stdout).toContain('0 clean, 1 damaged');
  });

  test.runIf(isRoot)('as root asks for the user of a directory, and acts as that user', async () => {
    const folder = temporaryFolder();
    chownSync(folder, NOBODY, NOBODY);
    const file = join(folder, 'jobs.jsonl');
    writeFileSync(file, '{"format":"gearman-jobs","version":1}\n{"function":"mail"}\n{"end":true}\n');
    const directory = join(folder, 'jobs');
    mkdirSync(directory);
    chownSync(directory, NOBODY, NOBODY);
    const refused = await store('import', directory, file);
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toContain('belongs to the user with id 65534: say --user');
    const args = ['store', 'import', directory, file, '--user', 'nobody'];
    expect(await startCommand('gearmand', args).ended).toMatchObject({ code: 0, stderr: '' });
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).uid, name).toBe(NOBODY);
    const database = join(folder, 'queue.db');
    const old = new sqlite.Database(database);
    old.exec('CREATE TABLE gearman_queue (unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB)');
    old.close();
    chownSync(database, NOBODY, NOBODY);
    expect(
      await startCommand('gearmand', ['store', 'import', directory, database, '-u', 'nobody']).ended,
    ).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('imported 0 jobs'),
      stderr: '',
    });
  });
});
