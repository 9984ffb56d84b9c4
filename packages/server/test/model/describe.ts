import { HANDLE_PREFIX } from './job-system.ts';

/** The facts about a function that model and engine must agree on. */
export interface FunctionFacts {
  readonly name: string;
  /** Of each priority: how many jobs a worker could take. */
  readonly ready: readonly number[];
  readonly delayed: number;
  readonly running: number;
  readonly total: number;
  readonly abilities: number;
  readonly limits: readonly number[];
  readonly pinned: boolean;
  /** Peers that sleep, the longest asleep first. */
  readonly sleepers: readonly number[];
  /** Peers that were woken for it and have not answered. */
  readonly waking: number;
}

/** The facts about a job that has not ended. */
export interface JobFacts {
  readonly number: number;
  readonly functionName: string;
  readonly uniqueId: string;
  readonly priority: number;
  readonly state: string;
  readonly background: boolean;
  readonly retries: number;
  readonly progress: readonly [numerator: number, denominator: number];
  readonly worker: number | undefined;
  /** Peers that wait for it, the newest first. */
  readonly clients: readonly number[];
}

/** The facts about a peer. */
export interface PeerFacts {
  readonly id: number;
  readonly clientId: string;
  readonly exceptions: boolean;
  readonly sleep: string;
  readonly wokenFor: string | undefined;
  /** In the order of their turns: name, timeout. */
  readonly turns: readonly (readonly [functionName: string, timeoutMs: number])[];
  /** As the text command `workers` lists them. */
  readonly newestFirst: readonly string[];
  /** Jobs it runs, the newest first. */
  readonly running: readonly number[];
  /** Cancelled jobs it still runs. */
  readonly cancelled: readonly number[];
}

export function describeFunction(fn: FunctionFacts): string {
  return (
    `function ${fn.name}: ready ${fn.ready.join('/')}, delayed ${fn.delayed}, running ${fn.running}, ` +
    `total ${fn.total}, abilities ${fn.abilities}, limits ${fn.limits.join('/')}, pinned ${fn.pinned}, ` +
    `asleep [${fn.sleepers.join(' ')}], waking ${fn.waking}`
  );
}

export function describeJob(job: JobFacts): string {
  return (
    `${handleOf(job.number)}: ${job.functionName} ${show(job.uniqueId)} priority ${job.priority} ${job.state}, ` +
    `background ${job.background}, retries ${job.retries}, progress ${job.progress.join('/')}, ` +
    `worker ${job.worker}, clients [${job.clients.join(' ')}]`
  );
}

export function describePeer(peer: PeerFacts): string {
  return (
    `peer ${peer.id}: ${show(peer.clientId)} exceptions ${peer.exceptions}, ${peer.sleep} ${peer.wokenFor}, ` +
    `turns [${peer.turns.map(([name, timeoutMs]) => `${name}@${timeoutMs}`).join(' ')}], ` +
    `newest first [${peer.newestFirst.join(' ')}], running [${peer.running.join(' ')}], ` +
    `cancelled [${[...peer.cancelled].sort((a, b) => a - b).join(' ')}]`
  );
}

/** What a worker that grabbed this job sees. */
export function describeAssignment(
  number: number,
  functionName: string,
  uniqueId: string,
  reducer: string | undefined,
  workload: string,
): string {
  return `${handleOf(number)} ${functionName} ${show(uniqueId)} ${reducer} ${show(workload)}`;
}

export function handleOf(number: number): string {
  return HANDLE_PREFIX + number;
}

/** A long text is shown by its length. */
function show(bytes: string): string {
  return bytes.length > 20 ? `<${bytes.length} bytes ${bytes.slice(-2)}>` : `'${bytes}'`;
}
