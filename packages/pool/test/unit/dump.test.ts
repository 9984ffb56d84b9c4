import type { Logger } from '@gearman/events';
import { request, response } from '@gearman/protocol';
import { turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { createPool, type PoolEvent, type PoolOptions } from '../../src/index.ts';
import { createOpenPool } from '../support/fake-pool.ts';

const ECHO = request('ECHO_REQ', { data: Buffer.from('secret') });
const ECHOED = response('ECHO_RES', { data: Buffer.from('secret') });

/** What a pool with these options tells of one question and its answer. */
async function exchange(options: PoolOptions, listen = true) {
  const lines: string[] = [];
  const logger: Logger = {
    debug: () => {},
    info: (_, text) => lines.push(text),
    warn: () => {},
    error: () => {},
  };
  const { pool, server, connection } = createOpenPool({ logger, ...options });
  lines.length = 0;
  const heard: (PoolEvent & { readonly type: 'read' | 'write' })[] = [];
  if (listen) for (const type of ['read', 'write'] as const) pool.on(type, (event) => heard.push(event));
  const answer = connection.ask(ECHO);
  await turn();
  server.reply(ECHOED);
  await answer;
  return { heard, lines };
}

describe('Option dump', () => {
  test('is off: nothing is told', async () => {
    expect(await exchange({})).toEqual({ heard: [], lines: [] });
  });

  test('packets: tells each packet, its bytes to keep', async () => {
    const { heard, lines } = await exchange({ dump: 'packets' });
    expect(heard).toMatchObject([
      { type: 'write', server: 'a:1', message: ECHO, text: 'ECHO_REQ data=<6 bytes> "secret"' },
      { type: 'read', server: 'a:1', message: ECHOED, text: 'ECHO_RES data=<6 bytes> "secret"' },
    ]);
    expect(lines).toEqual([]);
  });

  test('packets with redactPayload: tells sizes only', async () => {
    const { heard } = await exchange({ dump: 'packets', redactPayload: true });
    expect(heard.map(({ text }) => text)).toEqual(['ECHO_REQ data=<6 bytes>', 'ECHO_RES data=<6 bytes>']);
    expect(Buffer.from(JSON.stringify(heard)).includes('secret')).toBe(false);
    expect(heard.map(({ message }) => (message?.type === 'ECHO_RES' ? message.data.length : 0))).toEqual([
      0, 0,
    ]);
  });

  test('bytes: tells chunks as they travel', async () => {
    const { heard } = await exchange({ dump: 'bytes' });
    expect(heard.map(({ type, bytes }) => `${type} ${bytes?.length}`)).toEqual(['write 18', 'read 18']);
    expect(heard[0]?.text).toContain('18 bytes "\\u0000REQ');
  });

  test('goes to the logger, a line for each, while nobody listens', async () => {
    expect((await exchange({ dump: 'packets' }, false)).lines).toEqual([
      'ECHO_REQ data=<6 bytes> "secret"',
      'ECHO_RES data=<6 bytes> "secret"',
    ]);
  });

  test('shows text lines, broken packets and at most 256 bytes of a payload', async () => {
    const { pool, server, connection } = createOpenPool({ dump: 'packets' });
    const texts: string[] = [];
    for (const type of ['read', 'write'] as const) pool.on(type, ({ text }) => texts.push(text));
    connection.send(request('ECHO_REQ', { data: Buffer.alloc(1000, 'x') }));
    connection.command('version\r\n', 'value', { onLines: () => {}, onReplyError: () => {} });
    await turn();
    server.replyBytes('\0RES\0\0\0\x0c\0\0\0\x01x');
    expect(texts[0]).toBe(`ECHO_REQ data=<1000 bytes> "${'x'.repeat(256)}"…`);
    expect(texts[1]).toBe('TEXT line="version"');
    expect(texts[2]).toContain('MALFORMED');
  });

  test('can be set for one server', async () => {
    const { heard } = await exchange({ servers: [{ host: 'a', port: 1, dump: 'bytes' }] });
    expect(heard.length).toBe(2);
  });

  test.each<[string, PoolOptions]>([
    ['of the pool', { dump: 'bytes', redactPayload: true }],
    ['of one server', { servers: { host: 'a', dump: 'bytes' }, redactPayload: true }],
  ])('bytes cannot be had with redactPayload: %s', (_, options) => {
    expect(() => createPool({ ...options, lazy: true })).toThrow(
      /redactPayload: cannot be had with dump: 'bytes'/,
    );
  });
});
