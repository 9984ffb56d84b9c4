import type { Clock } from '@gearman/events';
import type { ChildListener, StartChild } from './child.ts';
import { ForkedChild } from './forked-child.ts';
import type { GroupSettings } from './options.ts';
import { Seat } from './seat.ts';
import type { ProcessEnd, ProcessState, SupervisorEvent } from './supervisor-events.ts';

/** What all groups of a supervisor have in common. */
export interface GroupHost {
  readonly clock: Clock;
  readonly random: () => number;
  readonly startChild:
    | ((settings: GroupSettings, listener: ChildListener) => ReturnType<StartChild>)
    | undefined;
  emit(event: SupervisorEvent): void;
  /** No process is left in a group that has not been asked to stop. */
  onEmpty(): void;
}

/** The processes of one module. They are replaced one at a time. */
export class ProcessGroup {
  readonly #host: GroupHost;
  #settings: GroupSettings;
  readonly #seats: Seat[] = [];
  /** Those that are no longer wanted, while their processes finish their jobs. */
  readonly #leaving = new Set<Seat>();
  /** The last of the replacements that wait for each other. */
  #turns: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(settings: GroupSettings, host: GroupHost) {
    this.#settings = settings;
    this.#host = host;
  }

  get settings(): GroupSettings {
    return this.#settings;
  }

  get isTaken(): boolean {
    return this.#all.some((seat) => seat.isTaken);
  }

  get states(): ProcessState[] {
    return this.#all.map((seat) => seat.state);
  }

  get ends(): ProcessEnd[] {
    return this.#seats.map((seat) => seat.end);
  }

  /** Starts as many processes as are wanted; rejects with the first ModuleError. */
  async open(): Promise<void> {
    await this.#resize();
  }

  /** Takes other settings: processes come and go at once, and those that stay are replaced if they would differ. */
  async change(settings: GroupSettings): Promise<void> {
    const before = this.#settings;
    this.#settings = settings;
    const stay = Math.min(before.processes, settings.processes);
    const isSame = before.fingerprint === settings.fingerprint;
    const resized = this.#resize();
    if (!isSame) await this.#replaceAll(this.#seats.slice(0, stay));
    await resized;
  }

  /** Replaces all processes, one after the other. Rejects with the ModuleError of the first that does not come up. */
  reload(): Promise<void> {
    return this.#replaceAll([...this.#seats]);
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#all.map((seat) => seat.close(timeoutMs)));
  }

  kill(): void {
    this.#isClosing = true;
    for (const seat of this.#all) seat.kill();
  }

  get #all(): Seat[] {
    return [...this.#seats, ...this.#leaving];
  }

  async #replaceAll(seats: readonly Seat[]): Promise<void> {
    for (const seat of seats) await this.#inTurn(() => seat.replace());
  }

  async #resize(): Promise<void> {
    const { processes, stopTimeoutMs } = this.#settings;
    const surplus = this.#seats.splice(processes);
    for (const seat of surplus) this.#leaving.add(seat);
    const fresh: Seat[] = [];
    while (this.#seats.length < processes) {
      const seat = this.#createSeat(this.#seats.length + 1);
      this.#seats.push(seat);
      fresh.push(seat);
    }
    await Promise.all([
      ...surplus.map((seat) => seat.close(stopTimeoutMs).then(() => this.#leaving.delete(seat))),
      ...fresh.map((seat) => seat.open()),
    ]);
  }

  #createSeat(place: number): Seat {
    const { clock, random, emit, onEmpty, startChild } = this.#host;
    const settings = (): GroupSettings => this.#settings;
    const seat: Seat = new Seat({
      name: `${this.#settings.name}.${place}`,
      module: this.#settings.source.name,
      clock,
      random,
      // What may be changed while the seat is there.
      get restart() {
        return settings().restart;
      },
      get recycle() {
        return settings().recycle;
      },
      get keepAlive() {
        return settings().keepAlive;
      },
      get stopTimeoutMs() {
        return settings().stopTimeoutMs;
      },
      emit,
      onEmpty,
      start: (listener) =>
        startChild?.(settings(), listener) ?? new ForkedChild({ ...settings(), clock }, listener),
      onDue: () => {
        // A process that does not come up leaves the old one at work; that was told.
        this.#inTurn(() => seat.replace()).catch(() => {});
      },
    });
    return seat;
  }

  /** Runs `step` when those before it are done, whatever came of them. */
  #inTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.#turns.then(() => (this.#isClosing ? undefined : step()));
    this.#turns = turn.catch(() => {});
    return turn;
  }
}
