import { createPrivateKey } from 'node:crypto';
import { InvalidArgumentError } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import { Authority } from '../../../../test/support/certificates.ts';
import { createSocketDial, parsePoolOptions, parseServers, type TlsOptions } from '../../src/index.ts';
import { tlsFailure } from '../../src/tls-failure.ts';
import { loadTls } from '../../src/tls-options.ts';

const authority = new Authority();
const one = authority.issue();
const other = authority.issue();

describe('the option tls', () => {
  test.each<[string, boolean | TlsOptions | undefined, (boolean | undefined)[]]>([
    ['left out: encrypts only what asks for it', undefined, [undefined, true, false]],
    ['false: encrypts only what asks for it', false, [undefined, true, false]],
    ['true: encrypts what does not say otherwise', true, [true, true, false]],
    ['an object: encrypts what does not say otherwise', { ca: authority.cert }, [true, true, false]],
  ])('%s', (_, tls, expected) => {
    const servers = ['a', 'gearmans://b', 'gearman://c', 'unix:/d'];
    const parsed = parsePoolOptions(tls === undefined ? { servers } : { servers, tls }).servers;
    expect(parsed.map((address) => address.kind === 'tcp' && address.tls)).toEqual([...expected, false]);
  });

  test('excludes dial, which would not know of it', () => {
    const dial = createSocketDial();
    expect(() => parsePoolOptions({ dial, tls: true })).toThrow(/tls: excludes dial; .*createSocketDial/);
    expect(parsePoolOptions({ dial, tls: false }).dial).toBe(dial);
  });

  test.each<[string, object | string, RegExp]>([
    ['a word', 'yes', /tls: /],
    ['an unknown key', { cafile: '/x' }, /tls: .*cafile/],
    ['no PEM', { ca: 5 }, /tls\.ca: must be PEM/],
    ['an empty name', { caFile: '' }, /tls\.caFile: /],
    ['an empty host', { servername: '' }, /tls\.servername/],
    ['a CA twice', { ca: authority.cert, caFile: '/x' }, /tls\.ca and tls\.caFile exclude each other/],
    ['text that is no PEM', { ca: 'hello' }, /tls\.ca holds no PEM/],
    ['damaged PEM', { ca: '-----BEGIN CERTIFICATE-----\nhello' }, /tls\.ca is no usable certificate/],
    ['no key', { cert: one.cert }, /tls\.cert is given, but no key/],
    ['a key alone', { key: one.key }, /tls\.key is given, but no certificate/],
    ['the key of another', { cert: one.cert, key: other.key }, /tls\.cert and tls\.key do not belong/],
    ['a key as certificate', { cert: one.key, key: one.key }, /tls\.cert is no usable certificate/],
    ['a certificate as key', { cert: one.cert, key: one.cert }, /tls\.key is no usable private key/],
  ])('refuses %s', (_, tls, message) => {
    const options = { tls } as object;
    expect(() => parsePoolOptions(options)).toThrow(InvalidArgumentError);
    expect(() => parsePoolOptions(options)).toThrow(message);
    expect(() => parsePoolOptions(options)).not.toThrow(/PRIVATE KEY-----/);
  });

  test('opens an encrypted key with its passphrase, and with nothing else', () => {
    const encryption = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'sesame' } as const;
    const pair = { cert: one.cert, key: createPrivateKey(one.key).export(encryption).toString() };
    expect(loadTls({ ...pair, passphrase: 'sesame' }, 'here')).toEqual({ ...pair, passphrase: 'sesame' });
    expect(() => loadTls(pair, 'here')).toThrow('tls.key is encrypted; set tls.passphrase');
    expect(() => loadTls({ ...pair, passphrase: 'open' }, 'here')).toThrow(
      /tls\.key is no usable private key/,
    );
  });

  test('takes a pair from the environment or from the options, never one half of each', () => {
    const environment = { GEARMAN_CLIENT_PEM: '/other.pem', GEARMAN_CLIENT_KEY: '/other.key' };
    expect(loadTls({ cert: one.cert, key: one.key }, 'here', environment)).toEqual(one);
    expect(() => loadTls({ cert: one.cert }, 'here', environment)).toThrow(
      'here: tls.cert is given, but no key',
    );
    expect(() => loadTls({}, 'here', { GEARMAN_CLIENT_KEY: '/k' })).toThrow(
      'here: environment variable GEARMAN_CLIENT_KEY is given, but no certificate',
    );
    expect(loadTls({}, 'here', { GEARMAN_CLIENT_PEM: ' ', GEARMAND_CA_CERTIFICATE: '' })).toEqual({});
  });
});

describe('tlsFailure', () => {
  const [address] = parseServers('gearmans://a:1');
  const failure = (code: string | undefined, extra: object = {}, hasCertificate = false): string => {
    if (address === undefined) throw new Error('no address');
    const error = code === undefined ? undefined : Object.assign(new Error('long text'), { code, ...extra });
    return tlsFailure(address, error, 'handshake', { hasCertificate }).message;
  };

  test.each([
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'not trusted'],
    ['CERT_HAS_EXPIRED', 'has expired'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'does not speak TLS'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'requires a client certificate'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'refused our certificate'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'TLS 1.2 or newer'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'another host'],
    ['ECONNRESET', 'closed the connection during the TLS handshake'],
    [undefined, 'closed the connection during the TLS handshake'],
  ])('explains %s', (code, words) => {
    expect(failure(code)).toContain(words);
    expect(failure(code)).toMatch(/^a:1: [^;]+; .+/);
  });

  test('says of a failed handshake that a certificate may be missing only where it is', () => {
    const code = 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE';
    expect(failure(code)).toContain('requires a client certificate');
    expect(failure(code, { reason: 'handshake failure' }, true)).toContain('failed: handshake failure');
  });

  test("gives OpenSSL's short reason, and what to search for, where it knows nothing better", () => {
    expect(failure('ERR_SSL_ODD', { reason: 'odd thing' })).toBe(
      "a:1: the TLS handshake failed: odd thing; look for ERR_SSL_ODD and into the server's log",
    );
    expect(failure('ERR_SSL_ODD')).toContain('failed: long text');
  });
});
