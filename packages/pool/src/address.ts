import { InvalidArgumentError } from '@gearman/protocol';
import type { ConnectionOptions } from './connection-options.ts';
import type { OpenStream } from './duplex-dial.ts';
import type { TlsOptions } from './tls-options.ts';

/** Where a job server listens, and what is special about it. */
export type ServerAddress = (
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** Encrypted or not, and how; left out: as the pool's option `tls` says. */
      readonly tls?: boolean | TlsOptions;
    }
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'stream';
      /** What to call the server in events, errors and job references. */
      readonly name: string;
      readonly open: OpenStream;
    }
) & {
  /** Overrides options of the pool. */
  readonly options?: ConnectionOptions;
};

/**
 * One job server: `host`, `host:port`, `[v6]:port`, `unix:/path`, a function that opens a stream to it, or an object,
 * which may also hold {@link ConnectionOptions} for this server alone. `gearmans://host:port` is encrypted,
 * `gearman://host:port` is plain text, the others are as the option `tls` says. Unix sockets are always plain.
 */
export type ServerInput =
  | string
  | OpenStream
  | ({
      readonly host: string;
      readonly port?: number | undefined;
      readonly tls?: boolean | TlsOptions | undefined;
    } & ConnectionOptions)
  | ({ readonly path: string } & ConnectionOptions)
  | ({ readonly name: string; readonly open: OpenStream } & ConnectionOptions);

/** The port that IANA gave Gearman. */
export const DEFAULT_PORT = 4730;

/**
 * Reads one or more addresses; a string may hold several, separated by commas.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` naming the address that cannot be read
 */
export function parseServers(input: ServerInput | readonly ServerInput[]): ServerAddress[] {
  const list: readonly ServerInput[] = Array.isArray(input) ? input : [input as ServerInput];
  const addresses = list.flatMap((item, at): ServerAddress | ServerAddress[] =>
    typeof item === 'string'
      ? item
          .split(',')
          .map((text) => text.trim())
          .filter((text) => text !== '')
          .map(parseAddress)
      : typeof item === 'function'
        ? { kind: 'stream', name: `stream-${at + 1}`, open: item }
        : fromObject(item),
  );
  if (addresses.length === 0) throw new InvalidArgumentError('no job server is given; expected host:port');
  const seen = new Map<string, ServerAddress>();
  for (const address of addresses) {
    const name = serverName(address);
    const other = seen.get(name);
    if (other !== undefined && isTls(other) !== isTls(address)) {
      throw new InvalidArgumentError(`${name} is given both with and without TLS; expected host:port once`);
    }
    seen.set(name, address);
  }
  return [...seen.values()];
}

/** The name of a server in events, errors and job references: `host:port`, `[v6]:port` or `unix:/path`. */
export function serverName(address: ServerAddress): string {
  if (address.kind === 'stream') return address.name;
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The input that {@link parseServers} would make this address of. */
export function toServerInput(address: ServerAddress): ServerInput {
  const { options } = address;
  if (address.kind === 'unix') return { path: address.path, ...options };
  if (address.kind === 'stream') return { name: address.name, open: address.open, ...options };
  return { host: address.host, port: address.port, tls: address.tls, ...options };
}

function fromObject(item: Exclude<ServerInput, string | OpenStream>): ServerAddress {
  if ('open' in item) {
    const { name, open, ...options } = item;
    if (name === '' || /[\s\0]/.test(name)) throw badAddress(name);
    return withOptions({ kind: 'stream', name, open }, options);
  }
  if ('path' in item) {
    const { path, ...options } = item;
    return withOptions(unix(path, path), options);
  }
  const { host, port = DEFAULT_PORT, tls, ...options } = item;
  return withOptions(withTls(tcp(host, port, host), tls), options);
}

function withOptions(address: ServerAddress, options: ConnectionOptions): ServerAddress {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return given.length === 0 ? address : { ...address, options: Object.fromEntries(given) };
}

const SCHEME = /^gearman(s?):\/\/(?!unix:)([^/]+)\/?$/i;

function parseAddress(text: string): ServerAddress {
  const [, s, rest] = SCHEME.exec(text) ?? [];
  if (rest !== undefined) return withTls(parseHostAndPort(rest, text), s !== '');
  if (text.includes('://')) throw badAddress(text);
  return parseHostAndPort(text, text);
}

/** @param whole what to quote in an error */
function parseHostAndPort(text: string, whole: string): ServerAddress {
  if (text.startsWith('unix:')) return unix(text.slice('unix:'.length), whole);
  if (text.startsWith('/')) return unix(text, whole);
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    const rest = text.slice(end + 1);
    if (end < 0 || (rest !== '' && !rest.startsWith(':'))) throw badAddress(whole);
    return tcp(text.slice(1, end), rest === '' ? DEFAULT_PORT : portOf(rest.slice(1), whole), whole);
  }
  const colon = text.indexOf(':');
  // More than one colon without brackets is a bare IPv6 address.
  if (colon < 0 || colon !== text.lastIndexOf(':')) return tcp(text, DEFAULT_PORT, whole);
  return tcp(text.slice(0, colon), portOf(text.slice(colon + 1), whole), whole);
}

function isTls(address: ServerAddress): boolean | undefined {
  if (address.kind !== 'tcp') return false;
  return address.tls === undefined ? undefined : address.tls !== false;
}

function withTls(address: ServerAddress, tls: boolean | TlsOptions | undefined): ServerAddress {
  return address.kind !== 'tcp' || tls === undefined ? address : { ...address, tls };
}

function unix(path: string, text: string): ServerAddress {
  if (path === '' || path.includes('\0')) throw badAddress(text);
  return { kind: 'unix', path };
}

function tcp(host: string, port: number, text: string): ServerAddress {
  if (!/^[^\s\0]+$/.test(host) || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw badAddress(text);
  return { kind: 'tcp', host, port };
}

function portOf(digits: string, text: string): number {
  if (!/^\d{1,5}$/.test(digits)) throw badAddress(text);
  return Number(digits);
}

function badAddress(text: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `"${text}" is not a server address; expected host, host:port, [ipv6]:port, gearmans://host:port or unix:/path`,
  );
}
