import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** A certificate and its private key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says; without anything it is for localhost and 127.0.0.1, valid for a day. */
export interface CertificateOptions {
  /** Host names and IPv4 addresses. */
  readonly hosts?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
}

/** An authority of its own, made at test time: nothing in the repository can expire. */
export class Authority {
  /** The certificate that trusts everything {@link issue} makes. */
  readonly cert: string;
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(name = 'Test authority') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = name;
    this.#key = privateKey;
    const extensions = [extension(BASIC_CONSTRAINTS, tlv(0x30, tlv(0x01, bytes('ff'))))];
    this.cert = certificate({ issuer: name, subject: name, publicKey, signWith: privateKey, extensions });
  }

  issue(options: CertificateOptions = {}): Certificate {
    return issue(options, { name: this.#name, key: this.#key });
  }
}

/** A certificate that vouches for itself. */
export function selfSigned(options: CertificateOptions = {}): Certificate {
  return issue(options);
}

function issue(
  { hosts = ['localhost', '127.0.0.1'], ...validity }: CertificateOptions,
  by?: { readonly name: string; readonly key: KeyObject },
): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = hosts[0] ?? 'nobody';
  const cert = certificate({
    ...{ issuer: by?.name ?? subject, subject, publicKey, signWith: by?.key ?? privateKey, ...validity },
    extensions: [extension(SUBJECT_ALT_NAME, tlv(0x30, ...hosts.map(generalName)))],
  });
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

interface Contents {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signWith: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly from?: Date;
  readonly to?: Date;
}

const DAY_MS = 86_400_000;

/** RFC 5280, section 4.1, in DER: the few fields that TLS looks at. */
function certificate(contents: Contents): string {
  const { from = new Date(Date.now() - DAY_MS), to = new Date(Date.now() + DAY_MS) } = contents;
  const version3 = tlv(0xa0, tlv(0x02, bytes('02')));
  const serial = tlv(0x02, bytes('01'), randomBytes(8));
  const validity = tlv(0x30, time(from), time(to));
  const publicKey = contents.publicKey.export({ type: 'spki', format: 'der' });
  const toBeSigned = tlv(
    0x30,
    ...[version3, serial, ECDSA_WITH_SHA256, distinguishedName(contents.issuer), validity],
    ...[distinguishedName(contents.subject), publicKey, tlv(0xa3, tlv(0x30, ...contents.extensions))],
  );
  const signature = tlv(0x03, bytes('00'), sign('sha256', toBeSigned, contents.signWith));
  const base64 = tlv(0x30, toBeSigned, ECDSA_WITH_SHA256, signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Tag, length, value: what all of DER is made of. */
function tlv(tag: number, ...values: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(values);
  const { length } = value;
  const long = length > 0xff ? [0x82, length >> 8] : length > 0x7f ? [0x81] : [];
  return Buffer.concat([Buffer.from([tag, ...long, length & 0xff]), value]);
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const oid = (hex: string): Buffer => tlv(0x06, bytes(hex));

const ECDSA_WITH_SHA256 = tlv(0x30, oid('2a8648ce3d040302'));
const BASIC_CONSTRAINTS = oid('551d13');
const SUBJECT_ALT_NAME = oid('551d11');
const COMMON_NAME = oid('550403');

function extension(id: Buffer, value: Buffer): Buffer {
  return tlv(0x30, id, tlv(0x04, value));
}

function distinguishedName(commonName: string): Buffer {
  return tlv(0x30, tlv(0x31, tlv(0x30, COMMON_NAME, tlv(0x0c, Buffer.from(commonName)))));
}

function generalName(host: string): Buffer {
  return isIPv4(host) ? tlv(0x87, Buffer.from(host.split('.').map(Number))) : tlv(0x82, Buffer.from(host));
}

/** GeneralizedTime: YYYYMMDDHHMMSSZ. */
function time(date: Date): Buffer {
  return tlv(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\..*/g, '')}Z`));
}
