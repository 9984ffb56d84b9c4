import type { Clock, Timer } from '@gearman/events';
import { BackOff, type BackOffSettings } from './back-off.ts';
import type { Child, ChildEnd, StartChild } from './child.ts';
import { ModuleError } from './errors.ts';
import type { ProcessFigures } from './messages.ts';
import { RecycleLimits, type RecycleReason, type RecycleSettings } from './recycle.ts';
import type { ProcessEnd, ProcessState, SupervisorEvent } from './supervisor-events.ts';

/** What a seat knows of its process. */
interface Sitting {
  readonly child: Child;
  readonly limits: RecycleLimits;
  readonly startedAtMs: number;
  /** On the monotonic clock; undefined until it was ready. */
  readyMs: number | undefined;
  figures: ProcessFigures | undefined;
  ageTimer: Timer | undefined;
  /** True when the supervisor has asked it to end. */
  isLeaving: boolean;
  /** Why it is to be replaced, when that was told. */
  due: RecycleReason | undefined;
}

/** What a {@link Seat} needs of the group it belongs to. */
export interface SeatHost {
  readonly name: string;
  readonly module: string;
  readonly start: StartChild;
  readonly clock: Clock;
  readonly random: () => number;
  readonly restart: BackOffSettings;
  readonly recycle: RecycleSettings;
  readonly keepAlive: boolean;
  readonly stopTimeoutMs: number;
  emit(event: SupervisorEvent): void;
  /** The process should be replaced, when its turn comes. */
  onDue(reason: RecycleReason): void;
  /** No process runs here any more, and none will. */
  onEmpty(): void;
}

/** The place of one process: starts it, starts it again when it ends, and replaces it without a gap. */
export class Seat {
  readonly #host: SeatHost;
  readonly #backOff = new BackOff();
  #sitting: Sitting | undefined;
  #successor: Sitting | undefined;
  /** Those that finish their jobs while their successor is at work. */
  readonly #leaving = new Set<Sitting>();
  #timer: Timer | undefined;
  #restarts = 0;
  #last: ChildEnd | undefined;
  #isClosing = false;

  constructor(host: SeatHost) {
    this.#host = host;
  }

  /** True while a process runs here, or will. */
  get isTaken(): boolean {
    return this.#sittings.length > 0 || this.#timer !== undefined;
  }

  get end(): ProcessEnd {
    const { exitCode, signal } = this.#last ?? { exitCode: null, signal: null };
    return { process: this.#host.name, exitCode, signal };
  }

  get state(): ProcessState {
    const sitting = this.#sitting ?? this.#successor;
    const { name, module } = this.#host;
    return {
      name,
      module,
      state: this.#stateName(sitting),
      pid: sitting?.child.pid,
      restarts: this.#restarts,
      jobs: sitting?.figures?.jobs ?? 0,
      running: sitting?.figures?.running ?? 0,
      memoryBytes: sitting?.figures?.memoryBytes,
      startedAtMs: sitting?.startedAtMs,
    };
  }

  /** Starts the first process. Rejects with a ModuleError when it does not come up. */
  async open(): Promise<void> {
    this.#sitting = this.#seat();
    await this.#sitting.child.usable;
  }

  /** A new process first, then an end for the old one. Rejects with a ModuleError when the new one does not come up. */
  async replace(): Promise<void> {
    if (this.#isClosing) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const successor = this.#seat();
    this.#successor = successor;
    try {
      await successor.child.usable;
    } catch (error) {
      this.#successor = undefined;
      this.#dueLater();
      // The old one may have ended meanwhile, and nobody else starts another.
      if (this.#sitting === undefined && this.#host.keepAlive) this.#scheduleRestart(0);
      if (!this.isTaken) this.#host.onEmpty();
      if (this.#isClosing) return;
      if (error instanceof ModuleError) {
        this.#host.emit({ type: 'module-error', process: this.#host.name, error });
      }
      throw error;
    }
    if (this.#isClosing) return;
    const old = this.#sitting;
    this.#sitting = successor;
    this.#successor = undefined;
    if (old === undefined) return;
    this.#leaving.add(old);
    await this.#dismiss(old, this.#host.stopTimeoutMs);
  }

  /** No process any more: those that run may finish their jobs. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await Promise.all(this.#sittings.map((sitting) => this.#dismiss(sitting, timeoutMs)));
  }

  /** The same at once, without regard for jobs. */
  kill(): void {
    this.#isClosing = true;
    for (const { child } of this.#sittings) child.kill();
  }

  get #sittings(): Sitting[] {
    return [this.#sitting, this.#successor, ...this.#leaving].filter((each) => each !== undefined);
  }

  #stateName(sitting: Sitting | undefined): ProcessState['state'] {
    if (sitting === undefined) return this.#timer === undefined ? 'ended' : 'waiting';
    if (sitting.isLeaving) return 'draining';
    return sitting.readyMs === undefined ? 'starting' : 'ready';
  }

  #seat(): Sitting {
    const { name, clock, recycle, random, emit } = this.#host;
    const child = this.#host.start({
      onReady: () => this.#onReady(sitting),
      onFigures: (figures) => this.#onFigures(sitting, figures),
      onOutput: (stream, line) => emit({ type: 'output', process: name, pid: child.pid, stream, line }),
      onKilled: () => emit({ type: 'process-killed', process: name, pid: child.pid }),
    });
    const sitting: Sitting = {
      child,
      limits: new RecycleLimits(recycle, random()),
      startedAtMs: clock.now(),
      readyMs: undefined,
      figures: undefined,
      ageTimer: undefined,
      isLeaving: false,
      due: undefined,
    };
    void child.ended.then((end) => this.#onEnd(sitting, end));
    emit({ type: 'process-start', process: name, pid: child.pid });
    return sitting;
  }

  async #dismiss(sitting: Sitting, timeoutMs: number): Promise<void> {
    sitting.isLeaving = true;
    sitting.ageTimer?.cancel();
    await sitting.child.drain(timeoutMs);
  }

  #onReady(sitting: Sitting): void {
    const { name, clock, emit } = this.#host;
    sitting.readyMs = clock.monotonicMs();
    const { maxAgeMs } = sitting.limits;
    if (maxAgeMs !== undefined) {
      sitting.ageTimer = clock.setTimer(maxAgeMs, () => this.#onDue(sitting, 'age'), { unref: true });
    }
    emit({ type: 'process-ready', process: name, pid: sitting.child.pid });
  }

  #onFigures(sitting: Sitting, figures: ProcessFigures): void {
    sitting.figures = figures;
    const reason = sitting.limits.reason(figures);
    if (reason !== undefined) this.#onDue(sitting, reason);
  }

  #onDue(sitting: Sitting, reason: RecycleReason): void {
    if (sitting.due !== undefined || sitting.isLeaving || this.#isClosing) return;
    sitting.due = reason;
    this.#host.emit({ type: 'process-recycle', process: this.#host.name, reason });
    this.#host.onDue(reason);
  }

  /** The process could not be replaced: it is due again, but not at once. */
  #dueLater(): void {
    const sitting = this.#sitting;
    if (sitting?.due === undefined || this.#isClosing) return;
    const reason = sitting.due;
    const { clock, restart } = this.#host;
    const again = (): void => {
      sitting.due = undefined;
      this.#onDue(sitting, reason);
    };
    sitting.ageTimer?.cancel();
    sitting.ageTimer = clock.setTimer(restart.maxMs, again, { unref: true });
  }

  #onEnd(sitting: Sitting, end: ChildEnd): void {
    const { name, clock, keepAlive, emit } = this.#host;
    sitting.ageTimer?.cancel();
    this.#leaving.delete(sitting);
    this.#last = end;
    emit({
      type: 'process-exit',
      process: name,
      pid: sitting.child.pid,
      ...end,
      expected: sitting.isLeaving,
    });
    if (this.#sitting === sitting) {
      this.#sitting = undefined;
      const livedMs = sitting.readyMs === undefined ? 0 : clock.monotonicMs() - sitting.readyMs;
      // A successor is on its way.
      const isWanted = keepAlive && !this.#isClosing && !sitting.isLeaving && this.#successor === undefined;
      if (isWanted) this.#scheduleRestart(livedMs);
    } else if (this.#successor === sitting && this.#isClosing) this.#successor = undefined;
    if (!this.isTaken) this.#host.onEmpty();
  }

  #scheduleRestart(livedMs: number): void {
    const { name, clock, restart, emit } = this.#host;
    if (this.#isClosing || this.#timer !== undefined) return;
    const delayMs = this.#backOff.next(livedMs, restart);
    emit({ type: 'process-restart', process: name, delayMs, crashes: this.#backOff.crashes });
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#restarts++;
      this.#sitting = this.#seat();
    });
  }
}
