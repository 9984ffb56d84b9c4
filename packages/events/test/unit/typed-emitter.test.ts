import { type ListenerErrorEvent, TypedEmitter } from '@gearman/events';
import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest';

type DoorEvent =
  | { readonly type: 'open'; readonly by: string }
  | { readonly type: 'knock'; readonly times: number }
  | { readonly type: 'gone' }
  | ListenerErrorEvent;

class Door extends TypedEmitter<DoorEvent> {
  override emit(event: DoorEvent): void {
    super.emit(event);
  }
  override hasListeners(type: DoorEvent['type']): boolean {
    return super.hasListeners(type);
  }
  protected override isLast(event: DoorEvent): boolean {
    return event.type === 'gone';
  }
}

const open = { type: 'open', by: 'me' } as const;
const knock = { type: 'knock', times: 2 } as const;
const gone = { type: 'gone' } as const;

/** Collects what a listener gets. */
function collector(): { readonly seen: DoorEvent[]; readonly listener: (event: DoorEvent) => void } {
  const seen: DoorEvent[] = [];
  return { seen, listener: (event) => void seen.push(event) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('TypedEmitter', () => {
  it('calls the listeners of a type, then those of all events, each in the order they came', () => {
    const door = new Door();
    const calls: string[] = [];
    door.on('event', ({ type }) => calls.push(`event ${type} 1`));
    door.on('open', ({ by }) => calls.push(`open ${by} 1`));
    door.on('event', ({ type }) => calls.push(`event ${type} 2`));
    door.on('open', ({ by }) => calls.push(`open ${by} 2`));
    door.emit(open);
    door.emit(knock);
    expect(calls).toEqual([
      'open me 1',
      'open me 2',
      'event open 1',
      'event open 2',
      'event knock 1',
      'event knock 2',
    ]);
  });

  it('calls a once() listener once', () => {
    const door = new Door();
    const { seen, listener } = collector();
    door.once('knock', listener).once('event', listener);
    door.emit(knock);
    door.emit(knock);
    expect(seen).toEqual([knock, knock]);
    expect(door.listenerCount('knock')).toBe(0);
  });

  it('removes listeners of on() and once(), of that type only', () => {
    const door = new Door();
    const { seen, listener } = collector();
    door.on('open', listener).on('knock', listener).once('knock', listener);
    expect(door.listenerCount('knock')).toBe(2);
    door.off('knock', listener);
    expect(door.listenerCount('knock')).toBe(0);
    door.emit(knock);
    door.emit(open);
    expect(seen).toEqual([open]);
    door.off('open', () => {});
    expect(door.listenerCount('open')).toBe(1);
  });

  it('may be used without any listener', () => {
    const door = new Door();
    door.emit(open);
    door.off('open', () => {});
    expect([door.listenerCount('open'), door.hasListeners('open')]).toEqual([0, false]);
  });

  it('knows whether anybody would see an event', () => {
    const door = new Door();
    const listener = (): void => {};
    door.on('open', listener);
    expect([door.hasListeners('open'), door.hasListeners('knock')]).toEqual([true, false]);
    door.off('open', listener).on('event', listener);
    expect([door.hasListeners('open'), door.hasListeners('knock')]).toEqual([true, true]);
    door.off('event', listener);
    expect(door.hasListeners('knock')).toBe(false);
  });

  it('lets listeners come and go while it emits', () => {
    const door = new Door();
    const late = collector();
    door.on('open', function self() {
      door.off('open', self).on('open', late.listener);
    });
    door.emit(open);
    expect(late.seen).toEqual([]);
    door.emit(open);
    expect(late.seen).toEqual([open]);
  });

  it('types its listeners', () => {
    const door = new Door();
    door.on('knock', (event) =>
      expectTypeOf(event).toEqualTypeOf<{ readonly type: 'knock'; readonly times: number }>(),
    );
    door.once('event', (event) => expectTypeOf(event).toEqualTypeOf<DoorEvent>());
    // @ts-expect-error no such event
    door.on('close', () => {});
  });
});

describe('a listener that throws', () => {
  it('is reported once and harms nobody', () => {
    const door = new Door();
    const error = new Error('boom');
    const reports = collector();
    const others = collector();
    door.on('open', () => {
      throw error;
    });
    door.on('open', others.listener).on('event', others.listener).on('listener-error', reports.listener);
    door.emit(open);
    const report = { type: 'listener-error', error, during: 'open' };
    expect(reports.seen).toEqual([report]);
    // Reported at once, that is before the next listener is called.
    expect(others.seen).toEqual([report, open, open]);
    door.emit(open);
    expect(reports.seen).toEqual([report, report]);
  });

  it('is reported once by an Observable or an iterator too, whose own reader goes on', async () => {
    const door = new Door();
    const seen: string[] = [];
    door.events$.subscribe(({ type }) => seen.push(type));
    const events = door.events();
    door.on('open', () => {
      throw new Error('boom');
    });
    door.emit(open);
    door.emit(gone);
    expect(seen).toEqual(['listener-error', 'open', 'gone']);
    const types: string[] = [];
    for await (const { type } of events) types.push(type);
    expect(types).toEqual(seen);
  });

  it('does not report itself for ever', () => {
    const door = new Door();
    let calls = 0;
    const fail = (): void => {
      calls++;
      throw new Error('boom');
    };
    door.on('listener-error', fail).on('event', fail).on('open', fail);
    door.emit(open);
    // open: once, its report: twice; event: once, its report: twice.
    expect(calls).toBe(6);
  });

  it('becomes a warning of the process when nobody listens to listener-error', () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const door = new Door();
    const error = new Error('boom');
    door.on('open', () => {
      throw error;
    });
    door.on('knock', () => {
      throw Object.create(null);
    });
    door.emit(open);
    door.emit(knock);
    const message = (type: string) =>
      `A listener of "${type}" threw. Listen to "listener-error" to handle this.`;
    const type = 'GearmanListenerWarning';
    expect(warnings.mock.calls).toEqual([
      [message('open'), { type, detail: error.stack }],
      [message('knock'), { type, detail: 'it threw a value of type object' }],
    ]);
  });
});

describe('events$', () => {
  it('is one hot Observable that listens while somebody is subscribed', () => {
    const door = new Door();
    expect(door.events$).toBe(door.events$);
    expect(door.listenerCount('event')).toBe(0);
    door.emit(open);
    const first = collector();
    const second = collector();
    const subscription = door.events$.subscribe(first.listener);
    door.events$.subscribe(second.listener);
    door.emit(knock);
    subscription.unsubscribe();
    door.emit(open);
    expect(first.seen).toEqual([knock]);
    expect(second.seen).toEqual([knock, open]);
    expect(door.listenerCount('event')).toBe(1);
  });

  it('completes after the last event and stops listening', () => {
    const door = new Door();
    const { seen, listener } = collector();
    let complete = 0;
    door.events$.subscribe({ next: listener, complete: () => complete++ });
    door.emit(open);
    door.emit(gone);
    door.emit(knock);
    expect(seen).toEqual([open, gone]);
    expect(complete).toBe(1);
    expect(door.listenerCount('event')).toBe(0);
  });

  it('gives the last event and the completion to those who come later, even if nobody had listened', () => {
    const door = new Door();
    door.emit(open);
    door.emit(gone);
    const { seen, listener } = collector();
    let complete = 0;
    door.events$.subscribe({ next: listener, complete: () => complete++ });
    expect(seen).toEqual([gone]);
    expect(complete).toBe(1);
    expect(door.listenerCount('event')).toBe(0);
  });

  it('starts anew with an emitter that does', () => {
    const door = new Door();
    door.emit(gone);
    door.emit(open);
    const { seen, listener } = collector();
    door.events$.subscribe(listener);
    door.emit(knock);
    expect(seen).toEqual([knock]);
  });
});

describe('events()', () => {
  it('gives the events from the call to the last one', async () => {
    const door = new Door();
    door.emit(knock);
    const events = door.events();
    door.emit(open);
    door.emit(gone);
    const seen: DoorEvent[] = [];
    for await (const event of events) seen.push(event);
    expect(seen).toEqual([open, gone]);
    expect(door.listenerCount('event')).toBe(0);
  });

  it('ends at once after the last event', async () => {
    const door = new Door();
    door.emit(gone);
    const seen: DoorEvent[] = [];
    for await (const event of door.events()) seen.push(event);
    expect(seen).toEqual([gone]);
  });

  it('stops listening when the loop is left', async () => {
    const door = new Door();
    const events = door.events();
    door.emit(open);
    for await (const event of events) if (event.type === 'open') break;
    expect(door.listenerCount('event')).toBe(0);
  });
});
