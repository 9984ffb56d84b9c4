import { once } from 'node:events';
import { unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { ListenError, type Server, type ServerAddress } from '@gearman/server';
import { listenOptions, type Settings } from './settings.ts';

const ALL_IPV6 = '::';
const ALL_IPV4 = '0.0.0.0';
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

/**
 * Opens every address that was asked for.
 *
 * @throws ListenError `ERR_GEARMAN_LISTEN`
 */
export async function listenAll(server: Server, settings: Settings): Promise<void> {
  if (settings.listen.length === 0) return listenEverywhere(server, settings);
  for (const address of settings.listen) {
    // Where any free port will do, all addresses get the same one.
    const port = settings.port === 0 ? (portOf(server) ?? 0) : settings.port;
    const options = listenOptions(settings, address, port);
    if (options.path !== undefined) await removeLeftover(options.path);
    await server.listen(options);
  }
}

/** One socket for IPv6 and IPv4; only IPv4 on machines without IPv6. */
async function listenEverywhere(server: Server, settings: Settings): Promise<void> {
  try {
    await server.listen(listenOptions(settings, ALL_IPV6, settings.port));
  } catch (error) {
    if (!(error instanceof ListenError) || !NO_IPV6.includes(codeOf(error.cause))) throw error;
    await server.listen(listenOptions(settings, ALL_IPV4, settings.port));
  }
}

const portOf = ({ addresses }: Server): number | undefined =>
  addresses.find(({ port }) => port !== undefined)?.port;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A server that was killed leaves the file of its Unix socket: nobody answers there, and nobody could listen. */
async function removeLeftover(path: string): Promise<void> {
  const probe = connect({ path });
  try {
    await once(probe, 'connect');
  } catch (error) {
    if (codeOf(error) === 'ECONNREFUSED') unlinkSync(path);
  } finally {
    probe.destroy();
  }
}

/** `127.0.0.1:4730`, `[::1]:4730`, or a path. */
export function showAddress({ host, port }: ServerAddress): string {
  if (port === undefined) return host;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const LOOPBACK = /^(127\.|::1$|\/)/;

/** True when only this machine can connect. */
export const isLocal = ({ host }: ServerAddress): boolean => LOOPBACK.test(host);
