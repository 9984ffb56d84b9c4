import type { ServerKind } from '../run/cell.ts';
import { abraxasServer, beanstalkdServer, gearmandServers, ourServer } from './servers.ts';

/** Whom `--peers` can name. */
export const PEERS = ['gearmand', 'libgearman', 'abraxas', 'gearmanode', 'bullmq', 'beanstalkd'] as const;

/** The servers that are here and wanted, ours first. */
export function findServers(
  wants: (peer: string) => boolean,
  skip: (what: string, why: string) => void,
): readonly ServerKind[] {
  const servers: ServerKind[] = [ourServer()];
  if (wants('gearmand')) {
    const gearmand = gearmandServers();
    if (gearmand.length === 0) skip('gearmand', 'apt-get install gearman-job-server');
    servers.push(...gearmand);
  }
  if (wants('beanstalkd')) {
    const beanstalkd = beanstalkdServer();
    if (beanstalkd === undefined) skip('beanstalkd', 'apt-get install beanstalkd');
    else servers.push(beanstalkd);
  }
  if (wants('abraxas')) servers.push(abraxasServer());
  return servers;
}
