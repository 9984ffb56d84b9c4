import type { Clock } from '@gearman/events';
import {
  type Connection,
  type ConnectionLostError,
  type ReplyHandler,
  ReplyTimeoutError,
} from '@gearman/pool';
import { type GearmanError, type Packet, request } from '@gearman/protocol';
import type { FunctionTable } from './function-table.ts';
import { canFollow, type GrabState, type GrabStateName } from './grab-state.ts';
import type { RunningJob } from './job.ts';
import { afterAssign, afterEnd, type ServerTimer } from './server-timer.ts';
import type { Slots, SlotUser } from './slots.ts';
import type { StartLine } from './start-line.ts';

/** A job as a server hands it out, in any of its forms. */
export type AssignPacket = Packet<'JOB_ASSIGN' | 'JOB_ASSIGN_UNIQ' | 'JOB_ASSIGN_ALL' | 'JOB_ASSIGN_WITH'>;

/** What a grab loop needs and whom it tells. */
export interface GrabHost {
  readonly clock: Clock;
  readonly random: () => number;
  readonly pollIntervalMs: number;
  readonly grabTimeoutMs: number;
  /** Whether servers are asked to say which attempt a job is. */
  readonly attempts: boolean;
  /** A job came. Its slot is the job's until its handler has ended. Never throws. */
  onAssign(loop: GrabLoop, packet: AssignPacket): void;
  /** No request is in flight any more: the loop sleeps, rests or lost its connection. */
  onPause(loop: GrabLoop): void;
  /** A request was not answered in time: its connection is dropped. */
  onGrabTimeout(loop: GrabLoop, error: ReplyTimeoutError): void;
}

/** What the loops of some connections work with together. */
export interface GrabLane {
  readonly functions: FunctionTable;
  readonly slots: Slots;
  /** For jobs that are taken ahead of their time; undefined when none are. */
  readonly starts: StartLine | undefined;
  /** A loop has come to a pause or a job of it has ended: what waits for that may go on. */
  check(loop: GrabLoop): void;
}

// Best first. Servers that do not know one answer ERROR. Only the first tells the reducer of a job, only two its unique id.
const GRABS = [request('GRAB_JOB_ALL', {}), request('GRAB_JOB_UNIQ', {}), request('GRAB_JOB', {})] as const;
const PRE_SLEEP = request('PRE_SLEEP', {});

const OFFLINE: GrabState = { name: 'offline' };
const RESTING: GrabState = { name: 'resting' };
const HUNGRY: GrabState = { name: 'hungry' };

/** How often to ask while sleep would cancel the server's timer for a running job, in milliseconds. */
const GUARDED_POLL_MS = 250;
// gearmand 1.1.20 with a job that is not due yet answers PRE_SLEEP with NOOP and GRAB_JOB with NO_JOB, for ever.
const FRUITLESS_WAKE_UPS = 10;
const LONGEST_FRUITLESS_PAUSE_MS = 64;

/**
 * Asks one server for jobs.
 *
 * A slot is reserved before each request. Requests are pipelined: each job lets one more be in flight, a NO_JOB leaves
 * one. So their number doubles with each round trip to a busy server, and an idle one is not flooded.
 *
 * @see gearmand `PROTOCOL`, "PRE_SLEEP", "GRAB_JOB_ALL", "NOOP"
 */
export class GrabLoop implements SlotUser, ReplyHandler<AssignPacket | Packet<'NO_JOB'>> {
  readonly connection: Connection;
  readonly lane: GrabLane;
  /** The jobs that came and whose handlers have not ended, in the order they came. */
  readonly jobs = new Set<RunningJob>();
  readonly #host: GrabHost;
  readonly #slots: Slots;
  #state: GrabState = OFFLINE;
  #allowed = false;
  #window = 1;
  #form = 0;
  #serverTimer: ServerTimer = 'off';
  #wokenByServer = false;
  #fruitless = 0;
  #sinceMs: number;
  #answeredMs: number | undefined;

  constructor(connection: Connection, lane: GrabLane, host: GrabHost) {
    this.connection = connection;
    this.lane = lane;
    this.#slots = lane.slots;
    this.#host = host;
    this.#sinceMs = host.clock.monotonicMs();
  }

  get state(): GrabStateName {
    return this.#state.name;
  }

  /** Requests for a job that wait for their answer. */
  get inFlight(): number {
    return this.#state.name === 'grabbing' ? this.#state.inFlight : 0;
  }

  /** Since when it has been in its state, by the monotonic clock; taking jobs one after the other counts as one. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** When a request for a job was last answered, by the monotonic clock. */
  get answeredMs(): number | undefined {
    return this.#answeredMs;
  }

  /** Whether jobs may be asked for. What is in flight is answered in any case. */
  allow(allowed: boolean): void {
    if (allowed === this.#allowed) return;
    this.#allowed = allowed;
    if (allowed) this.wake();
    else this.#rest();
  }

  /** Asks now instead of waiting to be woken: a function was added, to which waiting jobs may belong. */
  wake(): void {
    const { name } = this.#state;
    if (name === 'asleep' || name === 'dozing' || name === 'resting') this.#goOn();
  }

  /** The connection may be used. */
  onReady(): void {
    if (this.#state.name !== 'offline') return;
    this.#window = 1;
    this.#form = 0;
    this.#fruitless = 0;
    this.#serverTimer = 'off';
    if (this.#host.attempts) this.connection.has('x-attempts', () => {});
    this.#goOn();
  }

  /** The connection is gone, and with it the jobs and the answers. */
  onLost(error: ConnectionLostError): void {
    if (this.#state.name === 'offline') return;
    const reserved = this.inFlight;
    this.#enter(OFFLINE);
    for (const job of [...this.jobs]) job.lose(error);
    for (let i = 0; i < reserved; i++) this.#slots.refund();
    this.#host.onPause(this);
  }

  /** A wake-up. Anywhere but asleep it is stale: it crossed a request of ours on the way. */
  onNoop(): void {
    if (this.#state.name !== 'asleep') return;
    this.#wokenByServer = true;
    this.#goOn();
  }

  /** A job of this connection was assigned. */
  onJobStart(job: RunningJob): void {
    this.jobs.add(job);
    this.#serverTimer = afterAssign(this.#serverTimer, job.entry.timeoutMs !== undefined);
  }

  /** The handler of a job of this connection has ended. */
  onJobEnd(job: RunningJob): void {
    this.jobs.delete(job);
    if (job.entry.timeoutMs === undefined || !job.told) return;
    this.#serverTimer = afterEnd(this.#serverTimer);
    // The timer was the reason not to sleep.
    if (this.#state.name === 'dozing') this.#goOn();
  }

  /** @internal a slot is ours: one more request */
  onSlot(): boolean {
    const form = GRABS[this.#form] ?? GRABS[0];
    if (!this.connection.request(form, this, this.#host.grabTimeoutMs)) {
      // The pool is closing; there will be no answers and no jobs.
      this.#slots.refund();
      if (this.#state.name === 'hungry') this.#enter(RESTING);
      return false;
    }
    if (this.#state.name === 'grabbing') this.#state.inFlight++;
    else this.#enter({ name: 'grabbing', inFlight: 1, dry: false });
    return this.#wantsMore();
  }

  /** @internal */
  onReply(packet: AssignPacket | Packet<'NO_JOB'>): void {
    const state = this.#state;
    if (state.name !== 'grabbing') return;
    state.inFlight--;
    this.#answeredMs = this.connection.heardMs;
    if (packet.type === 'NO_JOB') {
      this.#runDry(state);
    } else {
      state.dry = false;
      this.#window = Math.min(this.#window + 1, this.#slots.size);
      this.#fruitless = 0;
      this.#slots.spend();
      this.#host.onAssign(this, packet);
    }
    this.#afterAnswer();
  }

  /** @internal */
  onReplyError(error: GearmanError): void {
    const state = this.#state;
    // After a loss everything has been cleared away.
    if (state.name !== 'grabbing') return;
    if (error instanceof ReplyTimeoutError) {
      this.#host.onGrabTimeout(this, error);
      this.connection.drop(error);
      return;
    }
    state.inFlight--;
    this.#runDry(state);
    if (state.inFlight === 0 && this.connection.ready && this.#form < GRABS.length - 1) {
      this.#form++;
      state.dry = false;
    }
    this.#afterAnswer();
  }

  /** The only place that changes the state: leaves the old one, enters the new one. */
  #enter(next: GrabState): void {
    const from = this.#state;
    if (!canFollow(from.name, next.name)) {
      throw new Error(`grab state ${next.name} cannot follow ${from.name}`);
    }
    if (from.name === 'asleep' || from.name === 'dozing') from.timer.cancel();
    if (next.name !== 'hungry' && next.name !== 'grabbing') this.#slots.forget(this);
    if (!isTaking(from.name) || !isTaking(next.name)) this.#sinceMs = this.#host.clock.monotonicMs();
    this.#state = next;
  }

  #goOn(): void {
    if (!this.#allowed) {
      if (this.#state.name !== 'resting') this.#enter(RESTING);
      return;
    }
    this.#enter(HUNGRY);
    this.#slots.want(this);
  }

  #rest(): void {
    const { name } = this.#state;
    if (name === 'grabbing') this.#slots.forget(this);
    else if (name !== 'offline' && name !== 'resting') this.#enter(RESTING);
  }

  #wantsMore(): boolean {
    const state = this.#state;
    return this.#allowed && state.name === 'grabbing' && !state.dry && state.inFlight < this.#window;
  }

  #runDry(state: GrabState & { readonly name: 'grabbing' }): void {
    state.dry = true;
    this.#window = 1;
    this.#slots.forget(this);
    this.#slots.refund();
  }

  /** Looks what to do next; a handler that ran in between may have changed everything. */
  #afterAnswer(): void {
    const state = this.#state;
    if (state.name !== 'grabbing') return;
    if (state.inFlight === 0) {
      if (!this.#allowed) {
        this.#enter(RESTING);
        this.#host.onPause(this);
        return;
      }
      if (state.dry) {
        this.#pause();
        return;
      }
      this.#enter(HUNGRY);
      this.#slots.want(this);
    } else if (this.#wantsMore()) this.#slots.want(this);
  }

  #pause(): void {
    if (this.#wokenByServer) this.#fruitless++;
    const tooEager = this.#wokenByServer && this.#fruitless > FRUITLESS_WAKE_UPS;
    this.#wokenByServer = false;
    const { pollIntervalMs, random } = this.#host;
    const pollMs = pollIntervalMs * (0.8 + 0.4 * random());
    if (this.#serverTimer === 'guarding') {
      this.#enter({ name: 'dozing', timer: this.#wakeAfter(Math.min(pollMs, GUARDED_POLL_MS)) });
    } else if (tooEager) {
      const pauseMs = 2 ** (this.#fruitless - FRUITLESS_WAKE_UPS - 1);
      const timer = this.#wakeAfter(Math.min(pauseMs, LONGEST_FRUITLESS_PAUSE_MS));
      this.#enter({ name: 'dozing', timer });
    } else {
      this.connection.send(PRE_SLEEP);
      this.#serverTimer = 'off';
      this.#enter({ name: 'asleep', timer: this.#wakeAfter(pollMs) });
    }
    this.#host.onPause(this);
  }

  #wakeAfter(delayMs: number): ReturnType<Clock['setTimer']> {
    return this.#host.clock.setTimer(delayMs, () => this.wake(), { unref: true });
  }
}

/** True while jobs are taken, one after the other. */
function isTaking(state: GrabStateName): boolean {
  return state === 'hungry' || state === 'grabbing';
}
