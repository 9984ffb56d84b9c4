import { connect } from 'node:net';
import { InvalidArgumentError } from '@gearman/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseServers, type ServerInput, serverName, toServerInput } from '../../src/address.ts';

describe('parseServers', () => {
  test.each<[ServerInput | ServerInput[], string[]]>([
    ['jobs', ['jobs:4730']],
    ['jobs:7003', ['jobs:7003']],
    ['10.0.0.1', ['10.0.0.1:4730']],
    ['::1', ['[::1]:4730']],
    ['[::1]', ['[::1]:4730']],
    ['[fe80::1]:7003', ['[fe80::1]:7003']],
    ['unix:/run/gearmand.sock', ['unix:/run/gearmand.sock']],
    ['/run/gearmand.sock', ['unix:/run/gearmand.sock']],
    [' a , b:1 ,, ', ['a:4730', 'b:1']],
    [
      ['a', 'b,c', { host: 'd', port: 5 }, { host: '::1' }, { path: '/s' }],
      ['a:4730', 'b:4730', 'c:4730', 'd:5', '[::1]:4730', 'unix:/s'],
    ],
    [['a', 'a:4730', { host: 'a' }], ['a:4730']],
    ['gearmans://jobs, gearman://b:1/ ,GEARMANS://[::1]:2', ['jobs:4730', 'b:1', '[::1]:2']],
  ])('reads %j', (input, names) => {
    expect(parseServers(input).map(serverName)).toEqual(names);
  });

  test.each<ServerInput | ServerInput[]>([
    '',
    ' , ',
    [],
    'a:',
    'a:0',
    'a:65536',
    'a:123456',
    'a:x',
    'a:-1',
    ':4730',
    '[::1',
    '[::1]4730',
    '[]:1',
    'a b:1',
    'unix:',
    'gearmans://',
    'gearmans:///run/gearmand.sock',
    'gearmans://unix:/run/gearmand.sock',
    'gearmans://a:x',
    'gearmans://a/path',
    'gearmans://gearman://a',
    'https://a',
    { host: '' },
    { host: 'a', port: 1.5 },
    { path: '' },
    { path: '/a\0b' },
  ])('refuses %j and says what it expects', (input) => {
    expect(() => parseServers(input)).toThrow(InvalidArgumentError);
    expect(() => parseServers(input)).toThrow(/expected host/);
  });

  test.each<[ServerInput, boolean | undefined]>([
    ['jobs', undefined],
    ['gearman://jobs', false],
    ['gearmans://jobs', true],
    ['Gearmans://[::1]/', true],
    [{ host: 'jobs' }, undefined],
    [{ host: 'jobs', tls: false }, false],
    [{ host: 'jobs', tls: true }, true],
  ])('reads from %j whether to encrypt', (input, tls) => {
    const [address] = parseServers(input);
    expect(address?.kind === 'tcp' ? address.tls : 'none').toBe(tls);
  });

  test.each<ServerInput[]>([
    ['gearmans://a', 'gearman://a'],
    ['a', 'gearmans://a:4730'],
    [{ host: 'a', tls: true }, 'a'],
  ])('refuses %j and %j: one server cannot be both', (...input) => {
    expect(() => parseServers(input)).toThrow('a:4730 is given both with and without TLS');
  });

  test('reads back every name it gives', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        const [address] = parseServers({ host: name, port });
        expect(address).toEqual({ kind: 'tcp', host: name, port });
        if (address !== undefined) expect(parseServers(serverName(address))).toEqual([address]);
      }),
    );
  });
});

describe('toServerInput', () => {
  const open = () => connect(1);

  test.each<[string, ServerInput]>([
    ['a name', 'jobs:7003'],
    ['TLS', { host: 'a', tls: { servername: 'b' } }],
    ['a path', { path: '/s', replyTimeoutMs: 5 }],
    ['a stream', { name: 'tunnel', open, heartbeat: false }],
    ['a bare function', open],
  ])('gives back %s, with its options', (_, input) => {
    const [address] = parseServers(input);
    if (address === undefined) throw new Error('there is one');
    expect(parseServers(toServerInput(address))).toEqual([address]);
  });

  test('names functions after their place in the list', () => {
    expect(parseServers(['a', open, open]).map(serverName)).toEqual(['a:4730', 'stream-2', 'stream-3']);
    expect(() => parseServers({ name: 'two words', open })).toThrow(InvalidArgumentError);
  });
});
