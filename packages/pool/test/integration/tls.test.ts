import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions as NodeTlsOptions } from 'node:tls';
import { request, response } from '@gearman/protocol';
import { fakeServer, freePort, type LeakWatch, watchLeaks } from '@gearman/testing';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Authority, selfSigned } from '../../../../test/support/certificates.ts';
import { TlsError } from '../../src/errors.ts';
import {
  ConnectError,
  createPool,
  NoServersError,
  type Pool,
  type PoolOptions,
  type TlsOptions,
} from '../../src/index.ts';
import { TlsEchoServer } from '../support/tls-server.ts';

const authority = new Authority('Ours');
const good = authority.issue();
const stranger = new Authority('Theirs');
const folder = mkdtempSync(join(tmpdir(), 'gearman-pool-tls-'));
const inFile = (name: string, pem: string): string => {
  const path = join(folder, name);
  writeFileSync(path, pem);
  return path;
};
const caFile = inFile('ca.pem', authority.cert);
const DAY_MS = 86_400_000;
const fromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
  for (const name of ['GEARMAND_CA_CERTIFICATE', 'GEARMAN_CLIENT_PEM', 'GEARMAN_CLIENT_KEY'])
    vi.stubEnv(name, undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await leaks.check();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The error that made the only attempt to connect fail. */
async function failureOf(options: PoolOptions): Promise<Error | undefined> {
  await using pool = createPool({ reconnect: { maxAttempts: 1 }, ...options });
  const error = await pool.acquire().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NoServersError);
  return pool.servers[0]?.lastError;
}

async function echo(pool: Pool, text: string): Promise<string> {
  const connection = await pool.acquire();
  const { data } = await connection.ask(request('ECHO_REQ', { data: Buffer.from(text) }));
  return Buffer.from(data).toString();
}

describe('a pool with TLS', () => {
  test.each<[string, (port: number) => PoolOptions]>([
    ['gearmans:// and a CA file', (port) => ({ servers: `gearmans://localhost:${port}`, tls: { caFile } })],
    ['the option tls alone', (port) => ({ servers: `127.0.0.1:${port}`, tls: { ca: authority.cert } })],
    ['PEM as bytes', (port) => ({ servers: `localhost:${port}`, tls: { ca: Buffer.from(authority.cert) } })],
    [
      'an address object',
      (port) => ({
        servers: { host: 'localhost', port, tls: true },
        tls: { caFile, rejectUnauthorized: true },
      }),
    ],
    [
      'no verification, when that is asked for',
      (port) => ({ servers: `localhost:${port}`, tls: { rejectUnauthorized: false } }),
    ],
  ])('talks to a server: %s', async (_, optionsFor) => {
    await using server = await TlsEchoServer.listen(good);
    await using pool = createPool(optionsFor(server.port));
    expect(await echo(pool, 'hello')).toBe('hello');
    expect(server.sockets[0]?.getProtocol()).toBe('TLSv1.3');
  });

  test('carries large packets both ways', async () => {
    await using server = await TlsEchoServer.listen(good);
    await using pool = createPool({ servers: `localhost:${server.port}`, tls: { caFile } });
    const text = 'x'.repeat(8 * 1024 * 1024);
    expect((await echo(pool, text)) === text).toBe(true);
  });

  test('announces the host name, or the one that is given, but no address', async () => {
    await using server = await TlsEchoServer.listen(
      authority.issue({ hosts: ['localhost', '127.0.0.1', 'jobs'] }),
    );
    for (const [host, servername] of [['localhost'], ['127.0.0.1'], ['127.0.0.1', 'jobs']] as const) {
      const tls: TlsOptions = { caFile, servername };
      await using pool = createPool({ servers: { host: host ?? '', port: server.port }, tls });
      await echo(pool, 'hi');
    }
    expect(server.sockets.map((socket) => (socket as { servername?: unknown }).servername)).toEqual([
      'localhost',
      false,
      'jobs',
    ]);
  });

  test.each<[string, NodeTlsOptions, TlsOptions, RegExp]>([
    [
      'an unknown authority',
      good,
      { ca: stranger.cert },
      /localhost:\d+: .* authority that is not trusted; .* tls\.caFile/,
    ],
    ['no authority given', good, {}, /authority that is not trusted/],
    ['a self-signed certificate', selfSigned(), {}, /self-signed; .* name it in tls\.caFile/],
    ['an expired certificate', authority.issue({ to: fromNow(-0.5) }), { caFile }, /has expired; renew it/],
    [
      'a certificate of tomorrow',
      authority.issue({ from: fromNow(0.5) }),
      { caFile },
      /not valid yet; .*clock/,
    ],
    [
      'a certificate for another host',
      authority.issue({ hosts: ['elsewhere'] }),
      { caFile },
      /is for other hosts \(DNS:elsewhere\); .*tls\.servername/,
    ],
    ['another name expected', good, { caFile, servername: 'jobs' }, /DNS:localhost, IP Address:127\.0\.0\.1/],
  ])('refuses %s, and says why and what to do', async (_, certificate, tls, message) => {
    await using server = await TlsEchoServer.listen(certificate);
    const error = await failureOf({ servers: `localhost:${server.port}`, tls });
    expect(error).toBeInstanceOf(TlsError);
    expect(error).toMatchObject({
      code: 'ERR_GEARMAN_TLS',
      server: `localhost:${server.port}`,
      retryable: true,
    });
    expect(error?.message).toMatch(message);
    expect(error?.message.endsWith((error as TlsError).hint)).toBe(true);
  });

  test('trusts a self-signed certificate that is its own authority', async () => {
    const own = selfSigned();
    await using server = await TlsEchoServer.listen(own);
    await using pool = createPool({ servers: `localhost:${server.port}`, tls: { ca: own.cert } });
    expect(await echo(pool, 'hello')).toBe('hello');
  });

  test('tries again, and gets through once the certificate is right', async () => {
    await using server = await TlsEchoServer.listen(stranger.issue());
    await using pool = createPool({ servers: `localhost:${server.port}`, tls: { caFile } });
    const { error } = await new Promise<{ readonly error: Error }>((resolve) =>
      pool.once('connection-error', resolve),
    );
    expect(error).toBeInstanceOf(TlsError);
    server.server.setSecureContext(good);
    expect(await echo(pool, 'at last')).toBe('at last');
  });

  test('still calls a refused port what it is', async () => {
    const error = await failureOf({ servers: `gearmans://127.0.0.1:${await freePort()}` });
    expect(error).toBeInstanceOf(ConnectError);
    expect(error?.message).toMatch(/connection refused$/);
  });
});

describe('a pool with TLS at a server that speaks plain text', () => {
  const speaking = async (
    answer: string | undefined,
  ): Promise<{ readonly server: Server; readonly heard: Buffer[] }> => {
    const heard: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        if (answer === '') socket.end();
        else if (answer !== undefined) socket.write(answer);
      });
    });
    server.listen({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return { server, heard };
  };

  test.each<[string, string | undefined, RegExp]>([
    [
      'answers',
      'ERR unknown_command Unknown+server+command\r\n',
      /does not speak TLS; .*gearman:\/\/ if plain text/,
    ],
    ['hangs up', '', /closed the connection during the TLS handshake; check that it speaks TLS/],
    [
      'waits for the end of the line',
      undefined,
      /no TLS connection within 150 ms; .*plain text may wait for ever/,
    ],
  ])('that %s: never falls back, and says so', async (_, answer, message) => {
    const { server, heard } = await speaking(answer);
    const { port } = server.address() as { readonly port: number };
    const error = await failureOf({ servers: `gearmans://localhost:${port}`, connectTimeoutMs: 150 });
    expect(error).toBeInstanceOf(TlsError);
    expect(error?.message).toMatch(message);
    // Nothing but a greeting of TLS was sent.
    expect(Buffer.concat(heard)[0]).toBe(0x16);
    await new Promise((resolve) => server.close(resolve));
  });

  test('uses plain text where the address says so, next to an encrypted one', async () => {
    await using secret = await TlsEchoServer.listen(good);
    await using open = await fakeServer((peer, message) => {
      if (message.type === 'ECHO_REQ') peer.send(response('ECHO_RES', { data: message.data }));
    });
    const servers = [`gearman://127.0.0.1:${open.port}`, `127.0.0.1:${secret.port}`];
    await using pool = createPool({ servers, tls: { caFile } });
    await pool.ready({ atLeast: 'all' });
    expect(await Promise.all([echo(pool, 'a'), echo(pool, 'b')])).toEqual(['a', 'b']);
    expect(open.received.length).toBe(1);
  });
});

describe('a pool with TLS at a server that is none of ours', () => {
  test('does not take a web server for a job server', async () => {
    await using server = await TlsEchoServer.listen(good, (socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    const error = await failureOf({ servers: `localhost:${server.port}`, tls: { caFile } });
    expect(error).toBeInstanceOf(ConnectError);
    expect(error?.message).toMatch(/is it a job server\?$/);
  });

  test('understands an answer that comes byte by byte', async () => {
    await using server = await TlsEchoServer.listen(good, (socket, message) => {
      if (message.type !== 'ECHO_REQ') return;
      const header = Buffer.from(
        `\0RES\0\0\0\x11\0\0\0${String.fromCharCode(message.data.length)}`,
        'latin1',
      );
      for (const byte of Buffer.concat([header, message.data])) socket.write(Buffer.of(byte));
    });
    await using pool = createPool({ servers: `localhost:${server.port}`, tls: { caFile } });
    expect(await echo(pool, 'hello')).toBe('hello');
  });
});

describe('a pool at a server that asks for a client certificate', () => {
  const asking: NodeTlsOptions = { ...good, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  const own = authority.issue({ hosts: ['worker-7'] });

  test('shows its own', async () => {
    await using server = await TlsEchoServer.listen(asking);
    await using pool = createPool({ servers: `localhost:${server.port}`, tls: { caFile, ...own } });
    expect(await echo(pool, 'hello')).toBe('hello');
    expect(server.sockets[0]?.getPeerCertificate().subject.CN).toBe('worker-7');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is told that it has none (%s)', async (maxVersion) => {
    await using server = await TlsEchoServer.listen({ ...asking, maxVersion });
    const error = await failureOf({ servers: `localhost:${server.port}`, tls: { caFile } });
    expect(error).toBeInstanceOf(TlsError);
    expect(error?.message).toMatch(/requires? a client certificate.*tls\.certFile.*tls\.keyFile/);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is told that its own is not accepted (%s)',
    async (maxVersion) => {
      await using server = await TlsEchoServer.listen({ ...asking, maxVersion });
      const options = { servers: `localhost:${server.port}`, tls: { caFile, ...stranger.issue() } };
      await using pool = createPool({ ...options, reconnect: { maxAttempts: 1 } });
      const opened: string[] = [];
      pool.on('connect', ({ server: name }) => opened.push(name));
      await expect(pool.acquire()).rejects.toThrow(NoServersError);
      // Never usable, so nothing could be sent and lost.
      expect(opened).toEqual([]);
      expect(pool.servers[0]?.lastError?.message).toMatch(
        /closed the connection .* accepts? our certificate \(tls\.certFile\)/,
      );
    },
  );
});

describe('files of a pool with TLS', () => {
  const own = authority.issue({ hosts: ['worker-7'] });

  test('are named by the variables of libgearman, when the options name none', async () => {
    await using server = await TlsEchoServer.listen({ ...good, ca: authority.cert, requestCert: true });
    vi.stubEnv('GEARMAND_CA_CERTIFICATE', caFile);
    vi.stubEnv('GEARMAN_CLIENT_PEM', inFile('own.pem', own.cert));
    vi.stubEnv('GEARMAN_CLIENT_KEY', inFile('own.key', own.key));
    for (const options of [
      { servers: `gearmans://localhost:${server.port}` },
      { servers: `localhost:${server.port}`, tls: true },
    ]) {
      await using pool = createPool(options);
      expect(await echo(pool, 'hello')).toBe('hello');
    }
    expect(server.sockets.map((socket) => socket.authorized)).toEqual([true, true]);
  });

  test('are named by the options before the variables', async () => {
    await using server = await TlsEchoServer.listen(good);
    vi.stubEnv('GEARMAND_CA_CERTIFICATE', inFile('theirs.pem', stranger.cert));
    await using pool = createPool({ servers: `localhost:${server.port}`, tls: { caFile } });
    expect(await echo(pool, 'hello')).toBe('hello');
  });

  test.each<[string, () => PoolOptions, RegExp]>([
    [
      'is missing',
      () => ({ tls: { caFile: join(folder, 'none.pem') } }),
      /tls\.caFile cannot be read: ENOENT/,
    ],
    ['is a folder', () => ({ tls: { caFile: folder } }), /tls\.caFile cannot be read: EISDIR/],
    ['holds something else', () => ({ tls: { caFile: inFile('x', 'hello') } }), /tls\.caFile holds no PEM/],
    [
      'named by a variable is missing',
      () => {
        vi.stubEnv('GEARMAND_CA_CERTIFICATE', '/none.pem');
        return { servers: 'gearmans://a' };
      },
      /environment variable GEARMAND_CA_CERTIFICATE cannot be read/,
    ],
  ])('make createPool() throw when one %s', (_, options, message) => {
    expect(() => createPool(options())).toThrow(message);
    expect(() => createPool(options())).toThrow(
      expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
    );
  });

  test('are read again at each connect, so that a renewed certificate needs no restart', async () => {
    const certFile = inFile('renewed.pem', own.cert);
    const keyFile = inFile('renewed.key', own.key);
    await using server = await TlsEchoServer.listen({ ...good, ca: authority.cert, requestCert: true });
    await using pool = createPool({
      servers: `localhost:${server.port}`,
      tls: { caFile, certFile, keyFile },
    });
    await echo(pool, 'first');
    const failed = new Promise<{ readonly error: Error }>((resolve) =>
      pool.once('connection-error', resolve),
    );
    rmSync(certFile);
    server.sockets[0]?.destroy();
    expect((await failed).error.message).toMatch(
      /tls\.certFile cannot be read: ENOENT.*; the next attempt looks again/,
    );
    const renewed = authority.issue({ hosts: ['worker-8'] });
    writeFileSync(keyFile, renewed.key);
    writeFileSync(certFile, renewed.cert);
    expect(await echo(pool, 'second')).toBe('second');
    expect(server.sockets.at(-1)?.getPeerCertificate().subject.CN).toBe('worker-8');
  });
});
