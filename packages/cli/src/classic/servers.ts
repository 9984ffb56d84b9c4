import { serverAddress } from '../server-address.ts';
import type { ClassicArguments } from './arguments.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where the C tool connects: `GEARMAN_SERVER` overrides host and port. What `GEARMAN_SERVERS` names comes before either,
 * because the library behind the tool adds it.
 */
export function classicServers({ host, port }: ClassicArguments, environment: Environment): string[] {
  const { GEARMAN_SERVERS: first = '', GEARMAN_SERVER: override = '' } = environment;
  const servers = [
    ...first.split(','),
    ...(override === '' ? [serverAddress(host, port)] : override.split(',')),
  ];
  return [...new Set(servers.map((server) => server.trim()).filter((server) => server !== ''))];
}
