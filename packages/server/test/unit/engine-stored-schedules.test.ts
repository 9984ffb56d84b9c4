import { describe, expect, test } from 'vitest';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { Ledger, type LedgerBatch } from '../../src/engine/ledger.ts';
import { keepPayload } from '../../src/engine/payload.ts';
import { Schedule } from '../../src/engine/schedule.ts';
import { PLAIN_RULES, type ScheduleDefinition } from '../../src/schedules/definition.ts';
import { MemoryPlace } from '../support/memory-store.ts';
import { World } from './world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FULL = new Error('the disk is full');

/** An engine that writes to a place, batch by batch as the test says. */
class StoredPlan {
  readonly ledger = new Ledger(() => {});
  readonly world: World;
  readonly place: MemoryPlace;

  /** Starts on what another one left in the place. */
  constructor(place = new MemoryPlace(), wallMs?: number, options: Partial<EngineOptions> = {}) {
    this.place = place;
    this.world = new World({ ...options, ledger: this.ledger });
    if (wallMs !== undefined) this.world.clock.wallMs = wallMs;
    const { engine } = this.world;
    for (const [key, value] of place.settings) expect(engine.restoreSetting(key, value)).toBeUndefined();
    for (const job of [...place.jobs.values()].sort((a, b) => a.number - b.number)) engine.restore(job);
    engine.adoptHandles('H:test:boot-', place.lastNumber + 100);
  }

  schedule(wish: Partial<ScheduleDefinition> = {}): Schedule {
    const { schedules } = this.world.engine;
    const schedule = schedules.submit({
      ...{ ...PLAIN_RULES, cron: '0 * * * *', functionName: 'f', uniqueId: '', overlap: 'allow' as const },
      ...{ payload: keepPayload(Buffer.from('x')), ...wish },
    });
    if (!(schedule instanceof Schedule)) throw new Error(`refused: ${JSON.stringify(schedule)}`);
    return schedule;
  }

  /** What the store is given now. */
  take(): LedgerBatch {
    const taken = this.ledger.take();
    if (taken === undefined) throw new Error('there is nothing to commit');
    return taken;
  }

  settle(taken: LedgerBatch, refused?: Error): void {
    const { batch } = taken;
    this.place.apply(
      refused === undefined ? batch : { ...batch, puts: [], changes: [], settings: new Map() },
    );
    this.world.engine.settle(taken, refused);
  }

  /** Everything is committed, also what comes of it. */
  commit(): void {
    for (let taken = this.ledger.take(); taken !== undefined; taken = this.ledger.take()) this.settle(taken);
  }

  /** Time passes; whatever happens is committed at once. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= MINUTE) {
      this.world.pass(Math.min(left, MINUTE));
      this.commit();
    }
  }

  /** A server that starts later on what this one left, as after a kill. */
  restart(afterMs = 0): StoredPlan {
    return new StoredPlan(this.place, this.world.clock.wallMs + afterMs);
  }

  /** For which instants there are jobs in the store. */
  get instants(): string[] {
    return [...this.place.jobs.values()].map(({ uniqueId }) =>
      new Date(Number(uniqueId.split('@')[1]) * 1000).toISOString().slice(11, 16),
    );
  }
}

describe('with a store', () => {
  test('a schedule is kept with all that it says, and goes on where it was', () => {
    let plan = new StoredPlan();
    const payload = keepPayload(Buffer.from([0, 255, 10, 128]));
    const wish: Partial<ScheduleDefinition> = {
      ...{ functionName: 'f\xe4', uniqueId: 'u\xff', payload, priority: 2, timeZone: 'Asia/Tokyo' },
      ...{ catchUp: 'all', overlap: 'skip', jitterMs: 100, limit: 7, startAtMs: 5, endAtMs: 9e12 },
    };
    const { handle } = plan.schedule(wish);
    plan.pass(2 * HOUR);
    plan = plan.restart();
    const [schedule] = plan.world.engine.schedules.values();
    expect(schedule).toMatchObject({ handle, definition: wish, progress: { runs: 1, paused: false } });
    // The job of the first run is there, so there is none of the next.
    plan.pass(HOUR);
    expect(plan.place.jobs.size).toBe(1);
    expect(plan.world.peer().canDo('f\xe4').grab()).toBe([...plan.place.jobs.keys()][0]);
  });

  test.each([
    ['none', ['04:00']],
    ['one', ['03:00', '04:00']],
    ['all', ['23:00', '00:00', '01:00', '02:00', '03:00', '04:00']],
  ] as const)('what came while the server was down: catchUp %s', (catchUp, instants) => {
    let plan = new StoredPlan();
    plan.schedule({ catchUp });
    plan.commit();
    plan = plan.restart(5 * HOUR);
    plan.pass(HOUR);
    expect(plan.instants).toEqual(instants);
    // And once more: nothing twice.
    plan = plan.restart();
    plan.pass(MINUTE);
    expect(plan.instants).toEqual(instants);
  });

  test('a run and the note that it has been are in one batch', () => {
    const plan = new StoredPlan();
    const { number } = plan.schedule();
    plan.commit();
    plan.world.pass(47 * MINUTE);
    const { batch } = plan.take();
    expect(batch.puts).toHaveLength(1);
    expect([...batch.settings.keys()]).toEqual([`schedule-progress:${number}`]);
    expect(plan.ledger.hasWork).toBe(false);
    // Without the batch it runs again, with it it does not.
    for (const [reaches, instants] of [
      [false, ['23:00']],
      [true, ['23:00']],
    ] as const) {
      if (reaches) plan.place.apply(batch);
      const next = plan.restart();
      next.pass(2 * MINUTE);
      expect(next.instants).toEqual(instants);
      next.place.jobs.clear();
      next.place.settings.set(
        `schedule-progress:${number}`,
        JSON.stringify({ doneUntilMs: 1_700_000_000_000, lastRunMs: 0, paused: false, runs: 0 }),
      );
    }
  });

  test('a run whose job was not stored comes again, and once', () => {
    const plan = new StoredPlan();
    const schedule = plan.schedule();
    plan.commit();
    plan.world.pass(47 * MINUTE);
    plan.settle(plan.take(), FULL);
    expect(schedule.progress).toMatchObject({ runs: 0, lastRunMs: 0 });
    plan.world.pass(5000);
    plan.settle(plan.take(), FULL);
    plan.pass(30 * MINUTE);
    expect(plan.instants).toEqual(['23:00']);
    expect(schedule.progress.runs).toBe(1);
    expect(plan.restart().world.engine.schedules.get(schedule.handle)?.progress).toEqual(schedule.progress);
  });

  test('a schedule runs no more while it is not certain that its last run is stored', () => {
    const plan = new StoredPlan();
    plan.schedule({ cron: '* * * * *' });
    plan.commit();
    plan.world.pass(MINUTE);
    const first = plan.take();
    plan.world.pass(5 * MINUTE);
    expect(plan.ledger.hasWork).toBe(false);
    plan.settle(first);
    plan.pass(2 * MINUTE);
    expect(plan.instants).toEqual(['22:14', '22:19', '22:20']);
  });

  test('one that is not stored is none; nothing of it is left', () => {
    const plan = new StoredPlan();
    const schedule = plan.schedule({ cron: '* * * * *' });
    const { commit } = schedule;
    expect(commit).toBe(plan.world.engine.schedules.commitOf(schedule));
    plan.world.pass(5 * MINUTE);
    plan.settle(plan.take(), FULL);
    expect(commit?.outcome).toBe(FULL);
    expect(plan.world.engine.schedules.size).toBe(0);
    expect(plan.world.engine.sizeBytes).toBe(0);
    plan.pass(5 * MINUTE);
    expect(plan.place.jobs.size).toBe(0);
    expect([...plan.place.settings]).toEqual([]);
  });

  test('a new definition that is not stored leaves the old one', () => {
    const plan = new StoredPlan();
    const schedule = plan.schedule({ uniqueId: 'u', catchUp: 'all' });
    plan.pass(47 * MINUTE);
    const { progress } = schedule;
    plan.schedule({ uniqueId: 'u', catchUp: 'all', cron: '* * * * *' });
    plan.settle(plan.take(), FULL);
    expect(schedule).toMatchObject({ definition: { cron: '0 * * * *' }, progress });
    expect(plan.world.engine.schedules.commitOf(schedule)).toBeUndefined();
    plan.pass(HOUR);
    expect(plan.instants).toEqual(['23:00', '00:00']);
    expect([...plan.restart().world.engine.schedules.values()]).toMatchObject([
      { definition: { cron: '0 * * * *' } },
    ]);
  });

  test('one that is redefined before it is stored is what the last definition says, if that is stored', () => {
    const plan = new StoredPlan();
    const schedule = plan.schedule({ uniqueId: 'u' });
    const first = plan.take();
    plan.schedule({ uniqueId: 'u', cron: '* * * * *' });
    plan.settle(first, FULL);
    expect(plan.world.engine.schedules.size).toBe(1);
    plan.settle(plan.take());
    plan.pass(MINUTE);
    expect(plan.instants).toEqual(['22:14']);
    expect(plan.world.engine.schedules.commitOf(schedule)).toBeUndefined();
    expect([...plan.restart().world.engine.schedules.values()]).toMatchObject([
      { definition: { cron: '* * * * *' } },
    ]);
  });

  test('one that is cancelled before it is stored does not come back', () => {
    const plan = new StoredPlan();
    const { handle } = plan.schedule();
    const first = plan.take();
    plan.world.engine.schedules.cancel(handle);
    plan.settle(first);
    plan.commit();
    expect([...plan.place.settings]).toEqual([]);
    expect(plan.restart().world.engine.schedules.size).toBe(0);
  });

  test('one that has ended is gone from the store', () => {
    const plan = new StoredPlan();
    plan.schedule({ limit: 1 });
    plan.pass(2 * HOUR);
    expect(plan.instants).toEqual(['23:00']);
    expect([...plan.place.settings]).toEqual([]);
  });

  test('one that rests goes on resting', () => {
    let plan = new StoredPlan();
    const { handle } = plan.schedule({ catchUp: 'all' });
    plan.world.engine.schedules.pause(handle);
    plan.commit();
    plan = plan.restart(HOUR);
    plan.pass(HOUR);
    expect(plan.instants).toEqual([]);
    plan.world.engine.schedules.resume(handle);
    plan.pass(HOUR);
    expect(plan.instants).toEqual(['01:00']);
  });

  test('a clock that was years ahead before the restart does not silence it', () => {
    const before = new StoredPlan();
    before.world.clock.wallMs += 3650 * 24 * HOUR;
    before.schedule();
    before.pass(HOUR);
    before.place.jobs.clear();
    const plan = before.restart(-3650 * 24 * HOUR);
    plan.pass(HOUR);
    expect(plan.instants).toHaveLength(1);
  });

  test('settings may come in any order, and what is not understood is named and left out', () => {
    const plan = new StoredPlan();
    const schedule = plan.schedule();
    plan.pass(47 * MINUTE);
    const reversed = new World();
    for (const [key, value] of [...plan.place.settings].reverse()) reversed.engine.restoreSetting(key, value);
    expect(reversed.engine.schedules.get(schedule.handle)?.progress.runs).toBe(1);
    const world = new World();
    const text = plan.place.settings.get(`schedule:${schedule.number}`) ?? '';
    expect(world.engine.restoreSetting('schedule:1', '{}')).toMatch(/version/);
    expect(world.engine.restoreSetting('schedule:2', 'no json')).toMatch(/JSON/);
    expect(world.engine.restoreSetting('schedule:3', text.replace('0 * * * *', '0 * * *'))).toMatch(
      /five fields/,
    );
    expect(world.engine.restoreSetting('schedule-progress:1', '[]')).toMatch(/object/);
    expect(world.engine.restoreSetting('something:1', 'else')).toBeUndefined();
    expect(world.engine.schedules.size).toBe(0);
  });

  test('functions stay paused until they are resumed or dropped', () => {
    let plan = new StoredPlan();
    for (const name of ['f', 'g', 'h']) plan.world.engine.pause(name);
    plan.world.peer().background('f');
    plan.commit();
    plan.world.engine.resume('g');
    plan.world.engine.dropFunction('h');
    plan.commit();
    expect([...plan.place.settings]).toEqual([['paused:f', '1']]);
    plan = plan.restart();
    const worker = plan.world.peer().canDo('f').sleep();
    expect([worker.heard, worker.grab()]).toEqual([[], undefined]);
    worker.sleep();
    plan.world.engine.resume('f');
    expect([worker.heard, worker.grab()]).toEqual([['noop'], 101]);
  });
});
