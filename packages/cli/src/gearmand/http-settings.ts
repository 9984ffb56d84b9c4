import { networkInterfaces } from 'node:os';
import type { HttpOptions } from '@gearman/server';
import type { OptionValues } from './working-options.ts';

const DEFAULT_PORT = 8080;

/** What `--protocol http` asks for. As in gearmand it listens where the server does: at the first address. */
export function httpOptions(values: OptionValues): HttpOptions | undefined {
  if (values.protocol === undefined) return undefined;
  const { listen = [], 'http-port': port = DEFAULT_PORT } = values;
  const [address] = listen.filter((each) => !each.includes('/'));
  if (address !== undefined) return { port, host: address.replace(/^\[(.*)\]$/, '$1') };
  // Only Unix sockets: then HTTP, which has none, shall not be open to more than this machine either.
  if (listen.length > 0) return { port };
  return { port, host: hasIpv6() ? '::' : '0.0.0.0' };
}

/** What a user may believe to have, and has not. */
export function httpWarnings(values: OptionValues): string[] {
  if (values.protocol === undefined)
    return values['http-port'] === undefined ? [] : ['--http-port has no effect without --protocol=http'];
  return values.ssl === true ? ['--ssl does not concern HTTP, which is plain text, as with gearmand'] : [];
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  );
}
