import type { Engine } from '../../src/engine/engine.ts';
import type { GearmanFunction } from '../../src/engine/gearman-function.ts';
import { HIGH, type Job, LOW, NORMAL } from '../../src/engine/job.ts';
import { isEmptyPayload, payloadSizeBytes } from '../../src/engine/payload.ts';
import type { Peer } from '../../src/engine/peer.ts';
import { ATTEMPT_FAILURES } from '../../src/engine/retry-policy.ts';
import type { Costs } from './job-system.ts';
import type { RealSystem } from './real-system.ts';

/** Takes down a rule that does not hold, and of what. */
type Must = (holds: boolean, rule: string, subject?: string | number) => void;

/** What must hold of the engine after every step, whatever the model says. @returns what does not */
export function findBroken({ engine, living, parked }: RealSystem, costs: Costs): string[] {
  const broken: string[] = [];
  const must: Must = (holds, rule, subject = '') => {
    if (!holds) broken.push(`${rule} ${subject}`);
  };
  const functions = [...engine.functions()];
  const peers = [...engine.peers];
  const held = peers.flatMap((peer) => linked(peer.running.head));
  const jobs = [...living, ...held.filter((job) => job.state === 'cancelled')];

  let sizeBytes = 0;
  for (const job of jobs) {
    sizeBytes += costs.jobBytes + payloadSizeBytes(job.payload) + costs.watcherBytes * job.watcherCount;
    const handle = engine.handleOf(job);
    must(
      engine.find(handle) === (job.state === 'cancelled' ? undefined : job),
      'is found by its handle',
      handle,
    );
    must(functions.includes(job.fn), 'belongs to a function that is known', handle);
    checkJob(engine, job, must);
  }
  const { dead } = engine.afterlife;
  sizeBytes += dead?.sizeBytes ?? 0;
  for (const { number } of dead?.values() ?? []) {
    must(!jobs.some((job) => job.number === number), 'is not dead and alive', number);
  }
  for (const { payload } of parked) sizeBytes += costs.jobBytes + payload.length;
  must(engine.jobCount === jobs.length + parked.length, 'every job can be reached');
  must((engine.parking?.count ?? 0) === parked.length, 'parked jobs are in the store');
  must(engine.sizeBytes === sizeBytes, 'memory is accounted for');
  must(
    engine.runningCount === held.filter((job) => job.state === 'running').length,
    'running jobs are counted',
  );
  must(
    engine.sleeperCount === peers.filter((peer) => peer.sleep === 'asleep').length,
    'sleepers are counted',
  );
  for (const fn of functions) {
    const own = living.filter((job) => job.fn === fn);
    checkFunction(fn, own, parked.filter((job) => job.functionName === fn.name).length, must);
    const registrations = peers.map((peer) => registrationsOf(peer).filter((each) => each.fn === fn).length);
    must(
      fn.registrationCount === registrations.reduce((a, b) => a + b, 0),
      'registrations are counted',
      fn.name,
    );
  }
  for (const peer of peers) checkPeer(peer, living, must);
  return broken;
}

/** What must hold when every job has ended and everybody has gone. @returns what does not */
export function findLeftOver({ engine }: RealSystem): string[] {
  const left: string[] = [];
  if (engine.jobCount !== 0) left.push(`${engine.jobCount} jobs`);
  if (engine.sizeBytes !== 0) left.push(`${engine.sizeBytes} bytes`);
  if (engine.memoryBytes !== 0) left.push(`${engine.memoryBytes} bytes of memory`);
  if (engine.runningCount !== 0) left.push(`${engine.runningCount} running`);
  if (engine.sleeperCount !== 0) left.push(`${engine.sleeperCount} sleepers`);
  if (engine.peers.size !== 0) left.push(`${engine.peers.size} peers`);
  for (const fn of engine.functions()) {
    if (fn.total !== 0) left.push(`jobs of ${fn.name}`);
    if (fn.uniques.size !== 0) left.push(`unique ids of ${fn.name}`);
    if (fn.registrationCount !== 0 || fn.waking !== 0) left.push(`workers of ${fn.name}`);
    if (fn.firstSleeper !== undefined || fn.lastSleeper !== undefined) left.push(`sleepers of ${fn.name}`);
  }
  if (engine.nextDelayMs() !== undefined) left.push('alarms');
  return left;
}

function checkJob(engine: Engine, job: Job, must: Must): void {
  const { number, state, worker } = job;
  const isHeld = state === 'running' || state === 'cancelled';
  must((worker !== undefined) === isHeld, 'has a worker exactly while it runs', number);
  must(worker === undefined || engine.peers.has(worker), 'has a worker that is here', number);
  // Of a running job the worker cannot be told, so it goes on.
  must(isHeld || job.background || job.watchers !== undefined, 'is wanted by somebody', number);
  let watchers = 0;
  for (let each = job.watchers; each !== undefined; each = each.nextOfJob) {
    watchers++;
    must(engine.peers.has(each.peer) && each.job === job, 'has clients that are here', number);
  }
  must(watchers === job.watcherCount, 'has its clients counted', number);
  must(state !== 'cancelled' || watchers === 0, 'has no clients when cancelled', number);
  must(state !== 'delayed' || job.alarm !== undefined, 'has an alarm while delayed', number);
  const { retry } = job.policy?.rules ?? {};
  const countsAll = retry !== undefined && ATTEMPT_FAILURES.every((failure) => retry.on.includes(failure));
  must(!countsAll || state === 'cancelled' || job.retries < retry.attempts, 'has an attempt left', number);
  must(job.policy?.expiry === undefined || !isHeld, 'does not expire while it runs', number);
}

function checkFunction(fn: GearmanFunction, jobs: readonly Job[], parked: number, must: Must): void {
  const isHeld = (job: Job): boolean => fn.backlogs[job.priority]?.precedes(job) === true;
  const waiting = jobs.filter((job) => job.state === 'queued');
  const queued = waiting.filter((job) => !isHeld(job));
  must(fn.total === jobs.length + parked, 'jobs are counted', fn.name);
  must(fn.heldBack === waiting.length - queued.length + parked, 'jobs held back are counted', fn.name);
  must(
    fn.running === jobs.filter((job) => job.state === 'running').length,
    'running jobs are counted',
    fn.name,
  );
  must(
    fn.delayed === jobs.filter((job) => job.state === 'delayed').length,
    'delayed jobs are counted',
    fn.name,
  );
  must(fn.runnable === queued.length, 'runnable jobs are counted', fn.name);
  for (const priority of [HIGH, NORMAL, LOW] as const) {
    const own = queued.filter((job) => job.priority === priority);
    must(fn.ready(priority) === own.length, 'a queue is counted', fn.name);
    must(
      isOneChain(own.filter((job) => job.alarm === undefined)),
      'a queue holds its jobs and no others',
      fn.name,
    );
    const first = fn.peek(priority);
    must(
      first === undefined ? own.length === 0 : own.includes(first),
      'a queue begins with one of its jobs',
      fn.name,
    );
  }
  const keyed = jobs.filter(
    (job) => job.uniqueId !== '' && (job.uniqueId !== '-' || !isEmptyPayload(job.payload)),
  );
  must(fn.uniques.size === keyed.length, 'unique ids are counted', fn.name);
  must(fn.waking >= 0, 'woken workers are counted', fn.name);
}

function checkPeer(peer: Peer, living: readonly Job[], must: Must): void {
  const held = linked(peer.running.head);
  const registrations = registrationsOf(peer);
  must(held.length === peer.running.size, 'jobs are counted', peer.id);
  must(
    held.every((job) => job.worker === peer),
    'runs only its own jobs',
    peer.id,
  );
  must(registrations.length === peer.registrationCount, 'registrations are counted', peer.id);
  const asleepFor = new Set(registrations.filter((each) => each.sleeping).map((each) => each.fn));
  const all = new Set(registrations.map((each) => each.fn));
  must(
    asleepFor.size === (peer.sleep === 'asleep' ? all.size : 0),
    'sleeps for all of its functions or none',
    peer.id,
  );
  for (let each = peer.watching; each !== undefined; each = each.nextOfPeer) {
    must(living.includes(each.job), 'waits for nothing that has ended', peer.id);
  }
}

function linked(head: Job | undefined): Job[] {
  const jobs: Job[] = [];
  for (let job = head; job !== undefined; job = job.next) jobs.push(job);
  return jobs;
}

/** True when these jobs are linked into exactly one queue, which holds nothing else. */
function isOneChain(jobs: readonly Job[]): boolean {
  if (jobs.length === 0) return true;
  const heads = jobs.filter((job) => job.previous === undefined);
  const chain = linked(heads[0]);
  return heads.length === 1 && chain.length === jobs.length && chain.every((job) => jobs.includes(job));
}

function registrationsOf(peer: Peer) {
  const registrations = [];
  for (let each = peer.firstTurn; each !== undefined; each = each.nextTurn) registrations.push(each);
  return registrations;
}
