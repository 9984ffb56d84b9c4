import { EventEmitter } from 'eventemitter3';
import type { Observable } from 'rxjs';
import { iterateEvents } from './iterate.ts';
import { observe } from './observe.ts';

/** The least an event needs: the tag its union is discriminated on. */
export interface TypedEvent {
  readonly type: string;
}

/** Emitted when a listener threw; the emitter and its other listeners go on. */
export interface ListenerErrorEvent {
  readonly type: 'listener-error';
  /** What the listener threw. */
  readonly error: unknown;
  /** The type of the event it was called with. */
  readonly during: string;
}

/** The events of one type, or all of them for `'event'`. */
export type EventOf<E extends TypedEvent, T extends string> = T extends 'event' ? E : Extract<E, { type: T }>;

type AnyListener = (event: never) => void;
type Guard = (event: TypedEvent) => void;

/**
 * An emitter whose events are one discriminated union.
 *
 * `on(type, …)`, `on('event', …)`, `events()` and `events$` show the same events. A listener that throws harms neither
 * the emitter nor the other listeners: it is reported as a `listener-error`, or, if nobody listens to that, as a warning
 * of the process.
 */
export abstract class TypedEmitter<E extends TypedEvent> {
  // Built when the first listener comes: most jobs of a busy program never get one.
  #emitter: EventEmitter | undefined;
  #guards: WeakMap<AnyListener, Guard> | undefined;
  #events$: Observable<E> | undefined;
  #last: E | undefined;

  /**
   * Calls `listener` for every event of this type, or for all of them with `'event'`.
   *
   * A listener that is added twice is called twice.
   */
  on<T extends E['type'] | 'event'>(type: T, listener: (event: EventOf<E, T>) => void): this {
    this.#emitter ??= new EventEmitter();
    this.#emitter.on(type, this.#guard(listener));
    return this;
  }

  /** Calls `listener` for the next event of this type only. */
  once<T extends E['type'] | 'event'>(type: T, listener: (event: EventOf<E, T>) => void): this {
    this.#emitter ??= new EventEmitter();
    this.#emitter.once(type, this.#guard(listener));
    return this;
  }

  /** Removes a listener of this type, however often and however it was added. */
  off<T extends E['type'] | 'event'>(type: T, listener: (event: EventOf<E, T>) => void): this {
    const guard = this.#guards?.get(listener);
    if (guard !== undefined) this.#emitter?.off(type, guard);
    return this;
  }

  /** How many listeners wait for this type. */
  listenerCount(type: E['type'] | 'event'): number {
    return this.#emitter?.listenerCount(type) ?? 0;
  }

  /**
   * All events from now on as a hot Observable, built on first use; completes after the last event, never errors.
   *
   * Who subscribes late first gets {@link past}; after the last event that is the last event and the completion.
   */
  get events$(): Observable<E> {
    this.#events$ ??= observe<E>(
      this,
      (event) => this.isLast(event),
      () => this.past(),
    );
    return this.#events$;
  }

  /**
   * All events from now on as an async iterable, ended by the last event or by leaving the loop.
   *
   * Events wait in memory until they are read. Who comes late first gets {@link past}.
   */
  events(): AsyncIterableIterator<E> {
    return iterateEvents<E>(this, (event) => this.isLast(event), this.past());
  }

  /** What those get first who come late to `events$` or `events()`: the last event, once it has happened. */
  protected past(): readonly E[] {
    return this.#last === undefined ? [] : [this.#last];
  }

  /** True for the event after which there are no more. */
  protected isLast(_event: E): boolean {
    return false;
  }

  /** True when somebody listens to this type or to all: spares building an event that nobody sees. */
  protected hasListeners(type: E['type']): boolean {
    return this.#emitter !== undefined && (this.listenerCount(type) > 0 || this.listenerCount('event') > 0);
  }

  /** Emits to the listeners of the event's type, then to those of `event`. Never throws. */
  protected emit(event: E): void {
    if (event.type !== 'listener-error') this.#last = this.isLast(event) ? event : undefined;
    if (this.#emitter === undefined) return;
    this.#emitter.emit(event.type, event);
    this.#emitter.emit('event', event);
  }

  #guard(listener: AnyListener): Guard {
    this.#guards ??= new WeakMap();
    let guard = this.#guards.get(listener);
    if (guard === undefined) {
      guard = (event) => {
        try {
          // on() and once() let only listeners of this event's type in.
          listener(event as never);
        } catch (error) {
          this.#report(error, event.type);
        }
      };
      this.#guards.set(listener, guard);
    }
    return guard;
  }

  #report(error: unknown, during: string): void {
    // A listener of listener-error that throws would report itself for ever.
    if (during === 'listener-error') return;
    const event: ListenerErrorEvent = { type: 'listener-error', error, during };
    if (this.hasListeners(event.type)) {
      // A union without this member simply has no listener for it, or only those of all events.
      this.emit(event as TypedEvent as E);
    } else warn(error, during);
  }
}

interface WarningSink {
  emitWarning(message: string, options: { readonly type: string; readonly detail?: string }): void;
}

/** An error that nobody else would ever see. */
function warn(error: unknown, during: string): void {
  const { process } = globalThis as { process?: WarningSink };
  const detail =
    error instanceof Error ? (error.stack ?? error.message) : `it threw a value of type ${typeof error}`;
  process?.emitWarning(`A listener of "${during}" threw. Listen to "listener-error" to handle this.`, {
    type: 'GearmanListenerWarning',
    detail,
  });
}
