import type { PoolOptions } from '@gearman/pool';
import type { Packet } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { createWorker, type Worker, type WorkerEvent, type WorkerSettings } from '../../src/index.ts';
import { FakeNetwork, type FakePeer, turn } from './fake-network.ts';

/** A worker on a fake network and a fake clock, with everything it told. */
export interface FakeWorker {
  readonly worker: Worker;
  readonly clock: FakeClock;
  readonly net: FakeNetwork;
  readonly events: WorkerEvent[];
  /** The first server. */
  readonly peer: FakePeer;
}

/** Options of a worker, and whether it has to ask servers for their versions. */
export type FakeWorkerOptions = WorkerSettings & PoolOptions & { readonly asksVersion?: boolean };

export function createFakeWorker({ asksVersion = false, ...options }: FakeWorkerOptions = {}): FakeWorker {
  const clock = new FakeClock();
  const net = new FakeNetwork();
  const worker = createWorker({
    servers: 'a:1',
    clock,
    dial: net.dial,
    random: () => 0.5,
    // Nobody plays a server for these.
    heartbeat: false,
    ...(asksVersion ? {} : { serverVersion: '1.1.20' }),
    progressIntervalMs: 0,
    ...options,
  });
  const events: WorkerEvent[] = [];
  worker.on('event', (event) => events.push(event));
  return { worker, clock, net, events, peer: net.peer() };
}

/** A worker that is started, connected to its first server and waits for the answer to its first request. */
export async function createStartedWorker(
  register: (worker: Worker) => void,
  options: FakeWorkerOptions = {},
): Promise<FakeWorker> {
  const fake = createFakeWorker(options);
  register(fake.worker);
  const started = fake.worker.start();
  fake.peer.accept();
  await started;
  await turn();
  fake.peer.take();
  fake.events.length = 0;
  return fake;
}

/** What the worker wrote since the last call, as one word per packet, with the number of the job it is about. */
export async function said(peer: FakePeer): Promise<string> {
  await turn();
  return peer.take().map(word).join(' ');
}

function word(packet: Packet): string {
  return 'handle' in packet ? `${packet.type}(${packet.handle.slice(2)})` : packet.type;
}
