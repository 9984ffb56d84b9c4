import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ask, gearmandOnFreePort } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('--log-file', () => {
  test('takes the log, and SIGHUP opens it anew', async () => {
    const file = join(temporaryFolder(), 'g.log');
    const server = await gearmandOnFreePort('--log-file', file, '--verbose', 'INFO');
    expect(readFileSync(file, 'utf8')).toContain(`listening on 127.0.0.1:${server.port}`);
    renameSync(file, `${file}.1`);
    server.signal('SIGHUP');
    // The answer comes behind the signal: a turn of the event loop later at the latest, so the second one for sure.
    await ask({ port: server.port }, 'version');
    await ask({ port: server.port }, 'version');
    server.signal('SIGTERM');
    expect((await server.ended).stderr).toBe('');
    expect(readFileSync(file, 'utf8')).toMatch(/ INFO the log was opened anew\n.* INFO ended\n$/s);
    expect(readFileSync(`${file}.1`, 'utf8')).not.toContain('ended');
  });

  test('that cannot be opened is replaced by standard error', async () => {
    const server = await gearmandOnFreePort('--log-file=/nowhere/g.log');
    await server.logs('ERROR the log file cannot be opened');
  });

  test.each(['none', 'stderr'])('%s is no file', async (name) => {
    const server = await gearmandOnFreePort('--log-file', name);
    server.signal('SIGTERM');
    expect((await server.ended).stderr === '').toBe(name === 'none');
    expect(existsSync(name)).toBe(false);
  });
});

test('--log-format=json writes an object per line', async () => {
  const server = await gearmandOnFreePort('--log-format=json', '--verbose=INFO');
  await ask({ port: server.port }, 'version');
  server.signal('SIGTERM');
  const { stderr } = await server.ended;
  const entries: { level: string; msg: string }[] = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(entries.map(({ level }) => level)).toEqual(['NOTICE', ...entries.slice(1).map(() => 'INFO')]);
  expect(entries.map(({ msg }) => msg)).toContain('connected');
  expect(entries[0]).toMatchObject({ pid: server.pid, version: '0.1.0' });
});

test('--syslog begins lines with their priority', async () => {
  const server = await gearmandOnFreePort('--syslog');
  server.signal('SIGTERM');
  expect((await server.ended).stderr).toMatch(new RegExp(`^<29>gearmand\\[${server.pid}\\]: listening on `));
});

test.each([
  { level: 'ERROR', connections: false, jobs: false },
  { level: 'INFO', connections: true, jobs: false },
  { level: 'DEBUG', connections: true, jobs: true },
])('--verbose=$level', async ({ level, connections, jobs }) => {
  const server = await gearmandOnFreePort('--verbose', level);
  // A background job of the function "f".
  const submit = '\0REQ\0\0\0\x12\0\0\0\x03f\0\0';
  expect(await ask({ port: server.port }, submit)).toContain('\0RES\0\0\0\x08');
  server.signal('SIGTERM');
  const { stderr } = await server.ended;
  expect(stderr.includes(' INFO connected')).toBe(connections);
  expect(stderr.includes(' DEBUG job queued')).toBe(jobs);
});
