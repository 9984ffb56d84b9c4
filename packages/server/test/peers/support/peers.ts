import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PeerProcess } from './peer-process.ts';

const MIB = 1024 * 1024;
const script = (name: string): string => fileURLToPath(new URL(`../scripts/${name}`, import.meta.url));

/** What a library may be unable to do. */
export type Ability =
  | 'client: an empty payload'
  | 'client: tell data from the result'
  | 'client: be told of an exception apart from a failure'
  | 'client: exact progress'
  | 'client: echo'
  | 'client: admin'
  | 'worker: know the unique id'
  | 'worker: send data'
  | 'worker: fail without an exception'
  | 'worker: an empty result'
  | 'worker: any bytes as result';

/** A Gearman library of somebody else, with a client and a worker in `scripts`. */
export interface Peer {
  readonly name: string;
  /** Prints the version of the library; fails where it is not installed. */
  readonly probe: readonly string[];
  readonly client: readonly string[];
  readonly worker: readonly string[];
  /** What it cannot do, and why. Everything else is tested. */
  readonly lacks: Readonly<Partial<Record<Ability, string>>>;
  /** The largest payload that it receives in good time. */
  readonly largestBytes: number;
  /** Built on libgearman; see `relay.pl`. */
  readonly libgearman: boolean;
}

/** The libraries that are tested, each as client and as worker. */
export const PEERS: readonly Peer[] = [
  {
    name: 'PHP, ext-gearman',
    probe: ['php', '-r', 'echo (new ReflectionExtension("gearman"))->getVersion();'],
    client: ['php', script('client.php')],
    worker: ['php', script('worker.php')],
    lacks: {
      'client: an empty payload': 'the library refuses it',
      'client: admin': 'the extension has no admin commands',
    },
    largestBytes: 32 * MIB,
    libgearman: true,
  },
  {
    name: 'Perl, Gearman::Client',
    probe: ['perl', '-MGearman::Client', '-e', 'print Gearman::Client->VERSION'],
    client: ['perl', script('client.pl')],
    worker: ['perl', script('worker.pl')],
    lacks: {
      'client: echo': 'the library has no ECHO_REQ',
      'worker: know the unique id': 'the library sends GRAB_JOB only',
      'worker: an empty result':
        'the library leaves out the NUL before it; gearmand closes the connection, ours says ERROR, which ends the worker',
    },
    largestBytes: 32 * MIB,
    libgearman: false,
  },
  {
    name: 'Node.js, abraxas',
    probe: [process.execPath, '-p', "require('abraxas/package.json').version"],
    client: [process.execPath, script('abraxas-client.mjs')],
    worker: [process.execPath, script('abraxas-worker.mjs')],
    lacks: {
      'client: tell data from the result': 'a task is one stream of both',
      'client: be told of an exception apart from a failure': 'both are an error event',
      'client: exact progress': 'it tells the fraction only',
      'worker: send data': 'without the streaming option it keeps all output for the result',
      'worker: fail without an exception': 'every failure is an exception',
    },
    largestBytes: 32 * MIB,
    libgearman: false,
  },
  {
    name: 'Node.js, gearmanode',
    probe: [process.execPath, '-p', "require('gearmanode/package.json').version"],
    client: [process.execPath, script('gearmanode-client.mjs')],
    worker: [process.execPath, script('gearmanode-worker.mjs')],
    lacks: {
      'client: admin': 'the library has no admin commands',
      'worker: any bytes as result': 'it turns results into UTF-8 text',
    },
    // It copies all it has of a packet for every chunk that comes: 32 MiB take more than 10 seconds.
    largestBytes: 4 * MIB,
    libgearman: false,
  },
];

/** True when GEARMAN_REQUIRE_INTEROP=1 forbids to skip what is not installed. */
export const required = process.env['GEARMAN_REQUIRE_INTEROP'] === '1';

/** What a probe prints; undefined when the program is missing. */
export function versionOf(probe: readonly string[]): string | undefined {
  const [command = '', ...args] = probe;
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

export const can = (peer: Peer, ability: Ability): boolean => peer.lacks[ability] === undefined;

export const startClient = ({ client }: Peer, port: number): PeerProcess =>
  new PeerProcess([...client, String(port)]);

/** @param prefix stands before the names of its functions */
export const startWorker = ({ worker }: Peer, port: number, prefix = ''): PeerProcess =>
  new PeerProcess([...worker, String(port), prefix]);

/** A port that leads to `port`, good for large payloads of libgearman. */
export async function startRelay(port: number): Promise<{ port: number } & AsyncDisposable> {
  const relay = new PeerProcess(['perl', script('relay.pl'), String(port)]);
  const { port: listening } = await relay.expect('listening');
  return { port: Number(listening), [Symbol.asyncDispose]: () => relay.kill() };
}
