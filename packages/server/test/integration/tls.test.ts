import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type ServerOptions } from '@gearman/server';
import { FakeClock, watchLeaks } from '@gearman/testing';
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Authority } from '../../../../test/support/certificates.ts';
import { readMessage } from '../support/read-message.ts';
import { canDo, echo, grab, preSleep, submitBackground } from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';
import { connectSilently, connectTls } from '../support/tls-peers.ts';

const authority = new Authority('Ours');
const own = authority.issue();
const stranger = new Authority('Theirs');
const trusting = { ca: authority.cert, servername: 'localhost' };
const folder = mkdtempSync(join(tmpdir(), 'gearman-server-tls-'));
const inFile = (name: string, pem: string): string => {
  const path = join(folder, name);
  writeFileSync(path, pem);
  return path;
};
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  const leaks = watchLeaks();
  // The first to be asked for is the last to run: after everything that a test opened was closed.
  onTestFinished(() => leaks.check());
});

const read = (messages: readonly string[]): string[] => messages.map(readMessage);

/** A logger that keeps what it is warned of. */
function listeningLogger() {
  const lines: string[] = [];
  const nothing = (): void => {};
  const warn = (fields: object, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  return { lines, logger: { debug: nothing, info: nothing, warn, error: warn } };
}

describe('a server with TLS', () => {
  test('serves packets and text lines, with TLS 1.3', async () => {
    const { port } = await startServer({ tls: own });
    const peer = await connectTls(port, trusting);
    expect(read(await peer.ask(echo('hello')))).toEqual(['ECHO_RES hello']);
    expect(await peer.askText('version\n')).toMatch(/^OK /);
    expect(peer.socket.getProtocol()).toBe('TLSv1.3');
    expect(peer.socket.authorized).toBe(true);
  });

  test('reads certificate and key from files', async () => {
    const tls = { certFile: inFile('cert.pem', own.cert), keyFile: inFile('key.pem', own.key) };
    const { port } = await startServer({ tls });
    expect(read(await (await connectTls(port, trusting)).ask(echo('x')))).toEqual(['ECHO_RES x']);
  });

  test('speaks TLS 1.2, and nothing older', async () => {
    const running = await startServer({ tls: own });
    const peer = await connectTls(running.port, { ...trusting, maxVersion: 'TLSv1.2' });
    expect(read(await peer.ask(echo('x')))).toEqual(['ECHO_RES x']);
    const failed = running.next('handshake-failed');
    const old = {
      ...trusting,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL@SECLEVEL=0',
    } as const;
    await expect(connectTls(running.port, old)).rejects.toThrow(/protocol version|unsupported protocol/);
    expect((await failed).reason).toBe('supports no TLS 1.2 or newer');
  });

  test('answers whoever closes its sending side right after a command', async () => {
    const { port } = await startServer({ tls: own });
    const peer = await connectTls(port, { ...trusting, allowHalfOpen: true } as object);
    peer.socket.end('status\n');
    const chunks: Buffer[] = [];
    peer.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(peer.socket, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('.\n');
    peer.socket.destroy();
  });

  test('carries large payloads', async () => {
    const { port } = await startServer({ tls: own });
    const peer = await connectTls(port, trusting);
    const payload = 'x'.repeat(8 * 1024 * 1024);
    const [answer] = await peer.ask(echo(payload));
    expect(answer?.length).toBe(12 + payload.length);
  });

  test('may serve plain text on a second port, if told to, and on Unix sockets', async () => {
    const { server } = await startServer({ tls: own });
    await server.listen({ port: 0, tls: false });
    await server.listen({ path: join(folder, 'socket') });
    const plain = await TestConnection.open(server.addresses[1]?.port ?? 0);
    const local = new TestConnection(createConnection(join(folder, 'socket')));
    for (const peer of [plain, local]) {
      expect(read(await peer.ask(echo('x')))).toEqual(['ECHO_RES x']);
      await peer.close();
    }
  });

  test.runIf(spawnSync('openssl', ['version']).status === 0)(
    'answers an ECHO_REQ of openssl s_client',
    async () => {
      const { port } = await startServer({ tls: own });
      const caFile = inFile('ca.pem', authority.cert);
      const args = [
        's_client',
        '-quiet',
        '-verify_return_error',
        '-CAfile',
        caFile,
        '-connect',
        `127.0.0.1:${port}`,
      ];
      const client = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
      const closed = once(client, 'close');
      client.stdin.write(Buffer.from('\0REQ\0\0\0\x10\0\0\0\x05hello', 'latin1'));
      let answer = '';
      for await (const chunk of client.stdout as AsyncIterable<Buffer>) {
        answer += chunk.toString('latin1');
        if (answer.length >= 17) break;
      }
      client.stdin.end();
      client.kill();
      await closed;
      expect(answer).toBe('\0RES\0\0\0\x11\0\0\0\x05hello');
    },
  );
});

describe('certificates that cannot be used', () => {
  const other = authority.issue();
  test.each<[string, () => ServerOptions['tls'], RegExp]>([
    ['none', () => ({}), /tls\.certFile and tls\.keyFile are missing/],
    ['no key', () => ({ cert: own.cert }), /tls\.cert is given, but no key/],
    [
      'a missing file',
      () => ({ certFile: join(folder, 'no'), keyFile: '/k' }),
      /tls\.certFile cannot be read: ENOENT/,
    ],
    ['an empty file', () => ({ certFile: inFile('empty', ''), keyFile: '/k' }), /tls\.certFile holds no PEM/],
    [
      'the key of another',
      () => ({ cert: own.cert, key: other.key }),
      /tls\.cert and tls\.key do not belong together/,
    ],
    ['a file and PEM', () => ({ ...own, certFile: '/x' }), /tls\.cert and tls\.certFile exclude each other/],
    ['a CA that is none', () => ({ ...own, ca: 'hello' }), /tls\.ca holds no PEM/],
    ['no CA to require', () => ({ ...own, clientCertificates: 'require' }), /"require", but no tls\.caFile/],
    ['an unknown key', () => ({ ...own, cafile: '/x' }) as object, /tls: .*cafile/],
  ])('keep a server from being made: %s', (_, tls, message) => {
    expect(() => createServer({ tls: tls() })).toThrow(message);
    expect(() => createServer({ tls: tls() })).toThrow(
      expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
    );
  });

  test('are asked for by a listener of a server without', async () => {
    await using server = createServer();
    await expect(server.listen({ port: 0, tls: true })).rejects.toThrow(
      /give the certificates to createServer/,
    );
    await using secure = createServer({ tls: own });
    await expect(secure.listen({ path: join(folder, 's'), tls: true })).rejects.toThrow(
      /Unix socket is always plain/,
    );
  });

  test('are warned of when they have expired', () => {
    const { lines, logger } = listeningLogger();
    createServer({ tls: own, logger });
    expect(lines).toEqual([]);
    createServer({ tls: authority.issue({ to: new Date(Date.now() - 3_600_000) }), logger });
    expect(lines).toEqual([
      expect.stringMatching(/^the TLS certificate is not valid now; clients will refuse it/),
    ]);
  });
});

describe('client certificates', () => {
  const mutual = { ...own, ca: authority.cert };
  const client = authority.issue({ hosts: ['worker-7'] });

  test('let a client in that comes from the CA', async () => {
    const { port } = await startServer({ tls: mutual });
    const peer = await connectTls(port, { ...trusting, ...client });
    expect(read(await peer.ask(echo('x')))).toEqual(['ECHO_RES x']);
  });

  test.each([
    ['without one', {}, 'has no client certificate'],
    ['of another authority', stranger.issue(), /not accepted: UNABLE_TO_/],
    [
      'that has expired',
      authority.issue({ to: new Date(Date.now() - 3_600_000) }),
      'has a client certificate that is not accepted: CERT_HAS_EXPIRED',
    ],
  ])('keep a client out %s', async (_, certificate, reason) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const running = await startServer({ tls: mutual });
      const failed = running.next('handshake-failed');
      const opened = await connectTls(running.port, { ...trusting, ...certificate, maxVersion }).catch(
        () => undefined,
      );
      opened?.send(submitBackground('f', 'secret'));
      await opened?.closed;
      expect(await failed).toMatchObject({ address: '127.0.0.1', reason: expect.stringMatching(reason) });
      expect(running.server.stats).toMatchObject({ connections: 0, jobs: 0, failedHandshakes: 1 });
    }
  });

  test('are not asked for with clientCertificates: none, as in gearmand', async () => {
    const { port } = await startServer({ tls: { ...mutual, clientCertificates: 'none' } });
    expect(read(await (await connectTls(port, trusting)).ask(echo('x')))).toEqual(['ECHO_RES x']);
  });
});

describe('peers that do not get through the handshake', () => {
  test.each([
    [
      'a packet',
      Buffer.from('\0REQ\0\0\0\x10\0\0\0\x05hello', 'latin1'),
      'speaks plain text on a port with TLS',
    ],
    ['a command', Buffer.from('status\n'), 'speaks plain text on a port with TLS'],
    ['a web request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'speaks HTTP on a port with TLS'],
    ['nothing but an end', undefined, /within 100 ms|closed the connection/],
  ])('are closed without an answer: %s', async (_, bytes, reason) => {
    const running = await startServer({ tls: own, limits: { handshakeTimeoutMs: 100 } });
    const failed = running.next('handshake-failed');
    const peer = await connectSilently(running.port);
    const heard: Buffer[] = [];
    peer.on('data', (chunk: Buffer) => heard.push(chunk));
    if (bytes === undefined) peer.end();
    else peer.write(bytes);
    await once(peer, 'close');
    // At most an alert of TLS, which a plain client cannot take for an answer.
    expect([undefined, 0x15]).toContain(heard[0]?.[0]);
    expect((await failed).reason).toMatch(reason);
    expect(running.server.stats).toMatchObject({ connections: 0, failedHandshakes: 1 });
  });

  test('200 silent ones delay nobody, and are closed when their time is over', async () => {
    const clock = new FakeClock(Date.now());
    const running = await startServer({ tls: own, clock });
    const silent = await Promise.all(Array.from({ length: 200 }, () => connectSilently(running.port)));
    const started = performance.now();
    const peer = await connectTls(running.port, trusting);
    expect(read(await peer.ask(echo('here')))).toEqual(['ECHO_RES here']);
    expect(performance.now() - started).toBeLessThan(4000);
    clock.advance(4999);
    expect(running.server.stats.failedHandshakes).toBe(0);
    const closed = silent.map((socket) => once(socket, 'close'));
    clock.advance(1);
    await Promise.all(closed);
    const limits = { handshakeTimeoutMs: 200 };
    expect(running.server.stats).toMatchObject({ connections: 1, failedHandshakes: 200, limits });
    expect(read(await peer.ask(echo('still here')))).toEqual(['ECHO_RES still here']);
  });

  test('a slow one has no more time than a silent one', async () => {
    const running = await startServer({ tls: own, limits: { handshakeTimeoutMs: 200 } });
    const peer = await connectSilently(running.port);
    // Not once(): writing to what was just closed is an error, too.
    const closed = new Promise((resolve) => peer.once('close', resolve));
    const greeting = Buffer.from('1603010200010001fc0303'.padEnd(1034, '0'), 'hex');
    let sent = 0;
    const drip = setInterval(() => peer.write(greeting.subarray(sent, ++sent)), 20);
    await closed;
    clearInterval(drip);
    expect(sent).toBeLessThan(100);
  });

  test('count as connections while they try', async () => {
    const clock = new FakeClock(Date.now());
    const running = await startServer({ tls: own, clock, limits: { maxConnections: 2 } });
    const [one] = await Promise.all([connectSilently(running.port), connectSilently(running.port)]);
    const third = await connectSilently(running.port);
    if (!third.closed) await once(third, 'close');
    expect(one?.closed).toBe(false);
    clock.advance(5000);
    expect(read(await (await connectTls(running.port, trusting)).ask(echo('x')))).toEqual(['ECHO_RES x']);
  });

  test('are logged once a minute, and counted', async () => {
    const { lines, logger } = listeningLogger();
    const clock = new FakeClock(Date.now());
    const running = await startServer({ tls: own, clock, logger });
    const fail = async (): Promise<void> => {
      const peer = await connectSilently(running.port);
      peer.write('status\n');
      if (!peer.closed) await once(peer, 'close');
    };
    await Promise.all([fail(), fail(), fail()]);
    expect(lines).toEqual(['a peer speaks plain text on a port with TLS {"address":"127.0.0.1"}']);
    clock.advance(60_000);
    await fail();
    expect(lines.length).toBe(2);
    expect(running.server.stats.failedHandshakes).toBe(4);
  });

  test('do not hold up close()', async () => {
    const server = await createServer({ tls: own }).listen({ port: 0 });
    const silent = await connectSilently(server.addresses[0]?.port ?? 0);
    const closed = once(silent, 'close');
    await server.close();
    await closed;
    expect(server.stats.failedHandshakes).toBe(0);
  });
});

test('a client that speaks TLS to a plain port is closed at once', async () => {
  const running = await startServer();
  const refused = running.next('peer-error');
  await expect(connectTls(running.port, trusting)).rejects.toThrow(/disconnected before|ECONNRESET/);
  expect((await refused).message).toBe('speaks TLS on a port without');
  expect(running.server.stats.connections).toBe(0);
});

describe('reloadTls()', () => {
  test('serves the new certificate to new connections and keeps the old ones', async () => {
    const certFile = inFile('reload.pem', own.cert);
    const keyFile = inFile('reload.key', own.key);
    const running = await startServer({ tls: { certFile, keyFile } });
    const old = await connectTls(running.port, trusting);
    const renewed = authority.issue({ hosts: ['renewed', 'localhost'] });
    writeFileSync(certFile, renewed.cert);
    writeFileSync(keyFile, renewed.key);
    expect((await connectTls(running.port, trusting)).serverName).toBe('localhost');
    running.server.reloadTls();
    const young = await connectTls(running.port, trusting);
    expect([old.serverName, young.serverName]).toEqual(['localhost', 'renewed']);
    for (const peer of [old, young]) expect(read(await peer.ask(echo('x')))).toEqual(['ECHO_RES x']);
  });

  test('changes nothing when the files cannot be used', async () => {
    const certFile = inFile('kept.pem', own.cert);
    const keyFile = inFile('kept.key', own.key);
    const running = await startServer({ tls: { certFile, keyFile } });
    writeFileSync(keyFile, authority.issue().key);
    expect(() => running.server.reloadTls()).toThrow(
      /reloadTls\(\): tls\.certFile and tls\.keyFile do not belong together/,
    );
    expect((await connectTls(running.port, trusting)).serverName).toBe('localhost');
  });

  test('is refused by a server without TLS', () => {
    expect(() => createServer().reloadTls()).toThrow(/no option tls/);
  });

  test('drops no connection and no job under load', async () => {
    const certFile = inFile('load.pem', own.cert);
    const keyFile = inFile('load.key', own.key);
    const running = await startServer({ tls: { certFile, keyFile } });
    const lost: unknown[] = [];
    running.server.on('disconnect', (event) => lost.push(event));
    const client = await connectTls(running.port, trusting);
    const worker = await connectTls(running.port, trusting);
    await worker.ask(canDo('f'), preSleep());
    let going = true;
    let asked = 0;
    const load = Promise.all(
      [client, worker].map(async (peer) => {
        while (going && !peer.ended) {
          await peer.ask(echo('x'.repeat(10_000)));
          asked++;
        }
      }),
    );
    const names: string[] = [];
    for (let i = 0; i < 20; i++) {
      const renewed = authority.issue({ hosts: [`v${i}`, 'localhost'] });
      writeFileSync(certFile, renewed.cert);
      writeFileSync(keyFile, renewed.key);
      running.server.reloadTls();
      names.push((await connectTls(running.port, trusting)).serverName);
    }
    going = false;
    await load;
    expect(names).toEqual(Array.from({ length: 20 }, (_, i) => `v${i}`));
    expect(asked).toBeGreaterThan(20);
    expect(lost).toEqual([]);
    await client.ask(submitBackground('f', 'payload'));
    expect(read(await worker.ask(grab()))).toContainEqual(expect.stringMatching(/^JOB_ASSIGN .*payload/));
    expect(running.server.stats).toMatchObject({ connections: 22, failedHandshakes: 0 });
  });
});
