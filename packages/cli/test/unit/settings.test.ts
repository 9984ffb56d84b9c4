import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from '@gearman/server';
import { describe, expect, test } from 'vitest';
import { listenOptions, readSettings, type Settings } from '../../src/gearmand/settings.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Not the configuration file of this machine. */
const read = (args: readonly string[], env = {}): Settings =>
  readSettings(['--config-file=/dev/null', ...args], env);

function fileWith(text: string): string {
  const file = join(temporaryFolder(), 'gearmand.conf');
  writeFileSync(file, text);
  return file;
}

test('the defaults are those of gearmand 2.0, but the log goes to standard error and workers wake as needed', () => {
  expect(read([])).toEqual({
    server: {
      jobRetries: undefined,
      jobHandlePrefix: undefined,
      workerWakeup: undefined,
      roundRobin: undefined,
      exceptions: undefined,
      keepAliveMs: undefined,
      logLevel: 'ERROR',
      http: undefined,
      limits: {},
      functions: undefined,
      dead: undefined,
      tls: undefined,
    },
    listen: [],
    port: 4730,
    backlog: undefined,
    dataDir: undefined,
    store: undefined,
    log: { file: 'stderr', format: 'text', syslog: false, level: 'ERROR' },
    daemon: false,
    pidFile: undefined,
    user: undefined,
    checkOnly: false,
    warnings: [],
  });
});

test('options become options of the server', () => {
  const args = [
    '-j3',
    '--job-handle-prefix=H:x',
    '-w',
    '0',
    '--exceptions',
    '--keepalive-idle=60',
    '--round-robin',
    '--max-jobs=7',
    '--idle-timeout-ms=0',
    '--verbose=debug',
  ];
  expect(read(args).server).toEqual({
    jobRetries: 3,
    jobHandlePrefix: 'H:x',
    workerWakeup: 0,
    roundRobin: true,
    exceptions: true,
    keepAliveMs: 60_000,
    logLevel: 'DEBUG',
    http: undefined,
    limits: { maxJobs: 7, idleTimeoutMs: 0 },
    tls: undefined,
  });
  expect(read(['--keepalive-idle=-1']).server.keepAliveMs).toBeUndefined();
});

test.each([
  { args: [], env: '', dataDir: undefined },
  { args: [], env: '/var/lib/g', dataDir: '/var/lib/g' },
  { args: ['--data-dir=/other/g'], env: '/var/lib/g', dataDir: '/other/g' },
  { args: ['--data-dir', 'g'], env: '', dataDir: join(process.cwd(), 'g') },
])('$args with GEARMAND_DATA_DIR=$env keeps jobs in $dataDir', ({ args, env, dataDir }) => {
  expect(read(args, { GEARMAND_DATA_DIR: env }).dataDir).toBe(dataDir);
});

test.each([
  { args: [], env: 'postgres://a/b', store: 'postgres://a/b' },
  { args: ['--store=postgres://c/d'], env: 'postgres://a/b', store: 'postgres://c/d' },
  { args: ['--data-dir=/g'], env: 'postgres://a/b', store: undefined },
])('$args with GEARMAND_STORE=$env keeps jobs in $store', ({ args, env, store }) => {
  expect(read(args, { GEARMAND_STORE: env }).store).toBe(store);
});

test('--data-dir and --store exclude each other, also in the environment', () => {
  const sentence = '--data-dir and --store exclude each other';
  expect(() => read(['--data-dir=/g', '--store=postgres://a/b'])).toThrow(sentence);
  expect(() => read([], { GEARMAND_DATA_DIR: '/g', GEARMAND_STORE: 'postgres://a/b' })).toThrow(sentence);
});

test.each([
  { args: [], spool: undefined },
  { args: ['--data-dir', '/g'], spool: { directory: '/g/spool' } },
  { args: ['--spool-dir', '/s', '--data-dir', '/g'], spool: { directory: '/s' } },
  {
    args: ['--spool-dir', '/s', '--spool-threshold-bytes=70000'],
    spool: { directory: '/s', thresholdBytes: 70_000 },
  },
])('$args puts large payloads into $spool.directory', ({ args, spool }) => {
  expect(read(args).server.spool).toEqual(spool);
});

describe('the port', () => {
  test.each([
    { args: [], env: '', port: 4730 },
    { args: [], env: '5000', port: 5000 },
    { args: ['-p', '6000'], env: '5000', port: 6000 },
    { args: ['-p', '4730'], env: '5000', port: 4730 },
  ])('$args with GEARMAND_PORT=$env is $port', ({ args, env, port }) => {
    expect(read(args, { GEARMAND_PORT: env }).port).toBe(port);
  });

  test('GEARMAND_PORT must be one', () => {
    expect(() => read([], { GEARMAND_PORT: 'x' })).toThrow('GEARMAND_PORT is "x", which is no port');
  });
});

describe('the configuration file', () => {
  test('holds options, separated by blanks and line ends', () => {
    const file = fileWith('--port=5001 -L 127.0.0.1\n\t--exceptions\n--threads 4\n');
    const settings = readSettings(['--config-file', file], {});
    expect(settings).toMatchObject({ port: 5001, listen: ['127.0.0.1'], server: { exceptions: true } });
    expect(settings.warnings).toEqual(['--threads has no effect: one thread does all the work']);
  });

  test('loses against the command line', () => {
    const file = fileWith('--port=5001 --listen=::1');
    const settings = readSettings([`@${file}`, '-p', '5002', '-L', '127.0.0.1'], {});
    expect(settings).toMatchObject({ port: 5002, listen: ['127.0.0.1'] });
  });

  test('must be there when it was asked for', () => {
    expect(() => readSettings(['--config-file=/nowhere/g.conf'], {})).toThrow(
      /configuration file cannot be read.*ENOENT/,
    );
  });

  test('is refused for what the command line is refused for', () => {
    expect(() => readSettings(['--config-file', fileWith('--queue-type redis')], {})).toThrow(
      '--queue-type: there is no such queue here; --data-dir keeps',
    );
  });
});

describe('--protocol http', () => {
  test.each([
    { args: ['-L', '127.0.0.1'], http: { host: '127.0.0.1', port: 8080 } },
    { args: ['--http-port=81', '-L', '/run/g.sock', '-L', '[::1]'], http: { host: '::1', port: 81 } },
    { args: ['-L', '/run/g.sock'], http: { port: 8080 } },
  ])('with $args opens $http', ({ args, http }) => {
    expect(read(['--protocol=http', ...args]).server.http).toEqual(http);
    expect(read(['-r', 'HTTP', ...args]).server.http).toEqual(http);
  });

  test('listens everywhere when the server does', () => {
    expect(['::', '0.0.0.0']).toContain(read(['--protocol=http']).server.http?.host);
  });

  test('must be there for its port to count, as with gearmand', () => {
    const { server, warnings } = read(['--http-port=81']);
    expect(server.http).toBeUndefined();
    expect(warnings).toEqual(['--http-port has no effect without --protocol=http']);
  });

  test('is plain text beside --ssl, and says so', () => {
    expect(read(['--ssl', '--protocol=http']).warnings.join()).toMatch(/^--ssl does not concern HTTP/);
  });
});

test('every limit of the server has its option', () => {
  const names = Object.keys(createServer().stats.limits);
  const args = names.map((name, i) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}=${i + 1}`);
  const wanted = Object.fromEntries(names.map((name, i) => [name, i + 1]));
  expect(read(args).server.limits).toEqual(wanted);
});

describe('--ssl', () => {
  test('takes the files of gearmand, unless there are options or variables', () => {
    const clientCertificates = 'none';
    expect(read(['--ssl']).server.tls).toEqual({
      certFile: '/etc/ssl/certs/gearmand.pem',
      keyFile: '/etc/ssl/certs/gearmand.key',
      caFile: undefined,
      clientCertificates,
    });
    const args = ['--ssl', '--ssl-certificate=/c', '--ssl-key=/k', '--ssl-ca-file=/a'];
    const files = { certFile: '/c', keyFile: '/k', caFile: '/a' };
    expect(read(args).server.tls).toEqual({ ...files, clientCertificates });
    const env = { GEARMAND_SERVER_PEM: '/C', GEARMAND_SERVER_KEY: '/K', GEARMAND_CA_CERTIFICATE: '/A' };
    expect(read(args, env).server.tls).toEqual({
      certFile: '/C',
      keyFile: '/K',
      caFile: '/A',
      clientCertificates,
    });
  });

  test('asks clients for certificates only when told to, and says so', () => {
    const args = ['--ssl', '--ssl-ca-file=/a'];
    expect(read(args).warnings.join()).toMatch(/^clients need no certificate/);
    const strict = read([...args, '--ssl-client-certificates=require']);
    expect([strict.server.tls?.clientCertificates, strict.warnings]).toEqual(['require', []]);
  });

  test('must be there for its files to count', () => {
    expect(read(['--ssl-key=/k']).warnings).toEqual(['--ssl-key has no effect without --ssl']);
    expect(read(['--ssl-key=/k']).server.tls).toBeUndefined();
  });
});

test('a daemon without log file is told that it has no log', () => {
  expect(read(['--daemon']).log.file).toBe('none');
  expect(read(['--daemon']).warnings).toEqual([
    'a daemon has no standard error: nothing is logged without --log-file',
  ]);
  expect(read(['--daemon', '--log-file=/tmp/x']).warnings).toEqual([]);
});

test.each([
  { address: '127.0.0.1', options: { host: '127.0.0.1', port: 1 } },
  { address: '::1', options: { host: '::1', port: 1 } },
  { address: '[::1]', options: { host: '::1', port: 1 } },
  { address: 'localhost', options: { host: 'localhost', port: 1 } },
  { address: '/run/g.sock', options: { path: '/run/g.sock' } },
  { address: 'unix:/run/g.sock', options: { path: '/run/g.sock' } },
  { address: './g.sock', options: { path: './g.sock' } },
])('--listen $address', ({ address, options }) => {
  expect(listenOptions(read(['-b', '9']), address, 1)).toEqual({ ...options, backlog: 9 });
});

test('what holds for single functions comes from a JSON file, and dead jobs are kept when asked for', () => {
  const file = fileWith('{"mail*": {"retry": {"attempts": 3}}}');
  const { server, warnings } = read([
    `--functions=${file}`,
    '--dead-letters',
    '--dead-max=5',
    '--dead-max-age=2',
  ]);
  expect(server).toMatchObject({
    functions: { 'mail*': { retry: { attempts: 3 } } },
    dead: { max: 5, maxAgeMs: 172_800_000 },
  });
  expect(warnings).toEqual([]);
  expect(createServer(server).stats.deadJobs).toBe(0);
  expect(read(['--dead-max=5']).warnings).toEqual(['--dead-max has no effect without --dead-letters']);
  expect(() => read(['--functions=/does/not/exist'])).toThrow(/--functions: .* cannot be read/);
  expect(() => read([`--functions=${fileWith('{"mail":')}`])).toThrow(/--functions: .* is no JSON/);
});
