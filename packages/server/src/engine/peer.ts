import type { GearmanFunction } from './gearman-function.ts';
import { JobQueue } from './job-queue.ts';
import type { Watcher } from './watchers.ts';

/**
 * What the engine tells a connection. Called in the middle of commands, so it must not call back into the engine:
 * a connection that has to go is disconnected later.
 */
export interface PeerPort {
  noop(): void;
  data(handle: string, data: Uint8Array): void;
  warning(handle: string, data: Uint8Array): void;
  status(handle: string, numerator: string, denominator: string): void;
  complete(handle: string, data: Uint8Array): void;
  fail(handle: string): void;
  exception(handle: string, data: Uint8Array): void;
  /** The engine is through with a command of this connection that took some time; see {@link Peer.withdrawing}. */
  settled(): void;
}

/** A connection that nobody is at. */
export const NOBODY: PeerPort = {
  noop() {},
  data() {},
  warning() {},
  status() {},
  complete() {},
  fail() {},
  exception() {},
  settled() {},
};

/** `woken`: was asleep, has been sent a NOOP and has not asked for a job since. */
export type SleepState = 'awake' | 'asleep' | 'woken';

/** One CAN_DO: a connection that is ready to run a function. Two CAN_DO make two. */
export class Registration {
  readonly peer: Peer;
  readonly fn: GearmanFunction;
  readonly timeoutMs: number;
  /** Counts the registrations of its connection. */
  readonly number: number;
  /** Neighbours in the peer's turns; see {@link Peer.firstTurn}. */
  nextTurn: Registration | undefined = undefined;
  previousTurn: Registration | undefined = undefined;
  /** Grows with each job taken; the registration with the smallest comes first. */
  turn = 0;
  /** The registration that the same connection made before for the same function. */
  olderTwin: Registration | undefined = undefined;
  /** Neighbours among the sleepers of the function. */
  nextSleeper: Registration | undefined = undefined;
  previousSleeper: Registration | undefined = undefined;
  sleeping = false;

  constructor(peer: Peer, fn: GearmanFunction, timeoutMs: number) {
    this.number = ++peer.lastRegistration;
    this.peer = peer;
    this.fn = fn;
    this.timeoutMs = timeoutMs;
  }
}

/** A connection as the engine sees it: worker and client at once. */
export class Peer {
  readonly id: number;
  readonly port: PeerPort;
  readonly address: string;
  clientId = '-';
  /** Wants WORK_EXCEPTION as it is; others get WORK_FAIL. */
  exceptions: boolean;
  /**
   * Sends output while it works, as abraxas does: a foreground job that loses this worker fails, and its own
   * foreground jobs have no unique ids, because who joins late would miss the beginning.
   */
  streaming = false;
  sleep: SleepState = 'awake';
  /** For which function it was woken, and in which of that function's rounds. */
  wokenFor: GearmanFunction | undefined = undefined;
  wokenInRound = 0;
  /** Its registrations in the order in which they get a turn. */
  firstTurn: Registration | undefined = undefined;
  lastTurn: Registration | undefined = undefined;
  registrationCount = 0;
  lastRegistration = 0;
  /** The newest registration of each function. Made when first needed: most connections are clients. */
  registrations: Map<GearmanFunction, Registration> | undefined = undefined;
  /** Jobs it runs, the newest first. */
  readonly running = new JobQueue();
  /** Jobs it waits for. */
  watching: Watcher | undefined = undefined;
  /** False when it is gone, though some of its jobs may not have been seen to. */
  connected = true;
  /** True while jobs of a withdrawn function go back in slices: it must not run or finish any meanwhile. */
  withdrawing = false;

  constructor(id: number, port: PeerPort, address: string, exceptions: boolean) {
    this.id = id;
    this.port = port;
    this.address = address;
    this.exceptions = exceptions;
  }

  /** Its registrations, the newest first. */
  newestFirst(): Registration[] {
    const registrations: Registration[] = [];
    for (let turn = this.firstTurn; turn !== undefined; turn = turn.nextTurn) registrations.push(turn);
    return registrations.sort((a, b) => b.number - a.number);
  }
}
