/** A description is a list of these; `LINE` begins a line. */
export type Fact = string | number | boolean | undefined;

export const HANDLE_PREFIX = 'H:';
const LINE = '\n';

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
  /** How many peers were woken for it and have not answered. */
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
  readonly numerator: number;
  readonly denominator: number;
  readonly worker: number | undefined;
  /** Peers that wait for it, the newest first. */
  readonly clients: readonly number[];
}

/** The facts about a peer. */
export interface PeerFacts {
  readonly id: number;
  readonly clientId: string;
  readonly exceptions: boolean;
  readonly streaming: boolean;
  readonly sleep: string;
  readonly wokenFor: string | undefined;
  /** Functions and timeouts in the order of their turns. */
  readonly turns: readonly Fact[];
  /** As the text command `workers` lists them. */
  readonly newestFirst: readonly string[];
  /** Jobs it runs, the newest first. */
  readonly running: readonly number[];
  /** Cancelled jobs it still runs, in any order. */
  readonly cancelled: number[];
}

// Facts are compared after every step of millions, so no text is made of them unless they differ.

export function describeFunction(facts: Fact[], fn: FunctionFacts): void {
  facts.push(LINE, 'function', fn.name, 'ready', ...fn.ready, 'delayed', fn.delayed, 'running', fn.running);
  facts.push('total', fn.total, 'abilities', fn.abilities, 'limits', ...fn.limits, 'pinned', fn.pinned);
  facts.push('asleep', ...fn.sleepers, 'waking', fn.waking);
}

export function describeJob(facts: Fact[], job: JobFacts): void {
  facts.push(LINE, 'job', job.number, job.functionName, 'unique id', job.uniqueId, 'priority', job.priority);
  facts.push(job.state, 'background', job.background, 'retries', job.retries);
  facts.push('progress', job.numerator, job.denominator, 'worker', job.worker, 'clients', ...job.clients);
}

export function describePeer(facts: Fact[], peer: PeerFacts): void {
  facts.push(LINE, 'peer', peer.id, 'called', peer.clientId, 'exceptions', peer.exceptions);
  facts.push('streaming', peer.streaming);
  facts.push(peer.sleep, peer.wokenFor, 'turns', ...peer.turns, 'newest first', ...peer.newestFirst);
  facts.push('running', ...peer.running, 'cancelled', ...peer.cancelled.sort((a, b) => a - b));
}

/** A description as lines, for people. */
export function linesOf(facts: readonly Fact[]): string[] {
  return facts
    .map((fact) => (fact === LINE ? fact : shorten(String(fact))))
    .join(' ')
    .split(LINE);
}

/** What a worker that grabbed this job sees. */
export function describeAssignment(
  number: number,
  functionName: string,
  uniqueId: string,
  reducer: string | undefined,
  workload: string,
): string {
  return `${handleOf(number)} ${functionName} ${shorten(uniqueId)} ${reducer} ${shorten(workload)}`;
}

export function handleOf(number: number): string {
  return HANDLE_PREFIX + number;
}

export function numberOf(handle: string): number {
  return Number(handle.slice(HANDLE_PREFIX.length));
}

/** What the text of a release stands for: how long the job is to wait, and whether that was an attempt. */
export const releaseMs = (text: string): number => Number(text) * 100;
export const releaseCounts = (text: string): boolean => Number(text) % 2 === 1;

function shorten(bytes: string): string {
  return bytes.length > 20 ? `<${bytes.length} bytes …${bytes.slice(-2)}>` : bytes;
}
