import { describe, expect, test } from 'vitest';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import type { Job } from '../../src/engine/job.ts';
import { keepPayload, payloadBytes } from '../../src/engine/payload.ts';
import { Schedule } from '../../src/engine/schedule.ts';
import type { ScheduleRefusal } from '../../src/engine/schedules.ts';
import { PLAIN_RULES, type ScheduleDefinition } from '../../src/schedules/definition.ts';
import { World } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Tuesday, 22:13:20 UTC. */
const START = 1_700_000_000_000;

type Wish = Partial<ScheduleDefinition> & { readonly data?: string };

/** An engine with schedules, and what they have submitted, as times from the start. */
class Plan {
  readonly world: World;
  readonly runs: { readonly at: number; readonly job: Job }[] = [];

  constructor(options: Partial<EngineOptions> = {}) {
    this.world = new World({
      ...options,
      observer: {
        jobQueued: (job) => this.runs.push({ at: this.now, job }),
        jobAssigned: () => {},
        jobRequeued: () => {},
        jobEnded: () => {},
        functionCreated: () => {},
        functionDropped: () => {},
      },
    });
  }

  /** Milliseconds since the start, on the wall clock. */
  get now(): number {
    return this.world.clock.wallMs - START;
  }

  submit({ data = 'x', ...wish }: Wish): Schedule | ScheduleRefusal {
    return this.world.engine.schedules.submit({
      ...{ ...PLAIN_RULES, cron: '* * * * *', functionName: 'f', uniqueId: '', overlap: 'allow' as const },
      ...{ payload: keepPayload(Buffer.from(data)), ...wish },
    });
  }

  schedule(wish: Wish): Schedule {
    const schedule = this.submit(wish);
    if (!(schedule instanceof Schedule)) throw new Error(`refused: ${JSON.stringify(schedule)}`);
    return schedule;
  }

  /** When runs were, since the last call. */
  takeTimes(): number[] {
    return this.runs.splice(0).map(({ at }) => at);
  }

  /** For which instants, since the last call: those of runs that stand alone. */
  takeInstants(): string[] {
    return this.runs.splice(0).map(({ job }) => {
      const [, seconds] = job.uniqueId.split('@');
      return new Date(Number(seconds) * 1000).toISOString().slice(11, 19);
    });
  }

  /** The wall clock is set. */
  step(ms: number): void {
    this.world.clock.wallMs += ms;
  }
}

describe('a schedule', () => {
  test('submits an ordinary background job at each of its times, with its payload and priority', () => {
    const plan = new Plan();
    plan.schedule({ cron: '*/2 * * * *', functionName: 'mail', data: 'hello', priority: 0 });
    plan.world.pass(5 * MINUTE);
    // 22:14 and on.
    expect(plan.runs.map(({ at }) => at)).toEqual([40_000, 160_000, 280_000]);
    for (const { job } of plan.runs)
      expect(job).toMatchObject({ priority: 0, background: true, payload: 'hello' });
    const worker = plan.world.peer().canDo('mail');
    expect(worker.drain()).toEqual(['mail:hello', 'mail:hello', 'mail:hello']);
  });

  test('wakes a sleeping worker', () => {
    const plan = new Plan({ workerWakeup: 'auto' });
    plan.schedule({});
    const worker = plan.world.peer().canDo('f').sleep();
    plan.world.pass(39_999);
    expect(worker.heard).toEqual([]);
    plan.world.pass(1);
    expect(worker.heard).toEqual(['noop']);
  });

  test('has a handle of its own, which no job has', () => {
    const plan = new Plan();
    const one = plan.schedule({});
    const job = plan.world.peer().background('f');
    const two = plan.schedule({});
    expect([one.handle, job, two.handle]).toEqual(['S:test:boot-1', 2, 'S:test:boot-3']);
    expect(plan.world.engine.find(one.handle)).toBeUndefined();
  });

  test('with the same function and unique id takes the place of the other, under the same handle', () => {
    const plan = new Plan();
    const old = plan.schedule({ uniqueId: 'u', data: 'old' });
    plan.world.pass(MINUTE);
    const renewed = plan.schedule({ uniqueId: 'u', cron: '0 * * * *', data: 'new' });
    expect(renewed).toBe(old);
    expect(renewed.progress.runs).toBe(0);
    plan.schedule({ uniqueId: 'u', functionName: 'g', cron: '0 * * * *' });
    plan.schedule({ uniqueId: 'v', cron: '0 * * * *' });
    expect(plan.world.engine.schedules.size).toBe(3);
    plan.takeTimes();
    plan.world.pass(HOUR);
    const what = ({ fn, payload }: Job): string =>
      `${fn.name} ${Buffer.from(payloadBytes(payload)).toString()}`;
    expect(plan.runs.map(({ job }) => what(job)).sort()).toEqual(['f new', 'f x', 'g x']);
  });

  test('said twice stays as it is', () => {
    const plan = new Plan();
    const one = plan.schedule({ uniqueId: 'u', limit: 3 });
    plan.world.pass(2 * MINUTE);
    expect(plan.schedule({ uniqueId: 'u', limit: 3 })).toBe(one);
    plan.world.pass(5 * MINUTE);
    expect(plan.takeTimes()).toHaveLength(3);
  });

  test('with the payload as its unique id is replaced by one with the same payload', () => {
    const plan = new Plan();
    plan.schedule({ uniqueId: '-', data: 'a' });
    plan.schedule({ uniqueId: '-', data: 'a', cron: '0 * * * *' });
    plan.schedule({ uniqueId: '-', data: 'b' });
    expect(plan.world.engine.schedules.size).toBe(2);
  });

  test('ends with its limit, its last moment, or a cancel', () => {
    const plan = new Plan();
    plan.schedule({ limit: 2 });
    plan.schedule({ endAtMs: START + 110_000, functionName: 'g' });
    const third = plan.schedule({ functionName: 'h' });
    plan.world.pass(100_000);
    expect(plan.takeTimes()).toEqual([40_000, 40_000, 40_000, 100_000, 100_000, 100_000]);
    expect(plan.world.engine.cancel(third.handle)).toBe(true);
    expect(plan.world.engine.cancel(third.handle)).toBe(false);
    expect(plan.world.engine.schedules.size).toBe(0);
    plan.world.pass(HOUR);
    expect(plan.takeTimes()).toEqual([]);
    expect(plan.world.engine.nextDelayMs()).toBeUndefined();
  });

  test('begins with its first moment', () => {
    const plan = new Plan();
    plan.schedule({ startAtMs: START + 100_000, limit: 1 });
    plan.world.pass(HOUR);
    expect(plan.takeTimes()).toEqual([100_000]);
  });

  test('counts seconds if asked to', () => {
    const plan = new Plan();
    plan.schedule({ cron: '*/10 * * * * *', limit: 3 });
    plan.world.pass(MINUTE);
    expect(plan.takeTimes()).toEqual([10_000, 20_000, 30_000]);
  });

  test('is late by its jitter, each run by another, but no run is as late as the next', () => {
    const plan = new Plan();
    plan.schedule({ jitterMs: 600_000 });
    plan.world.pass(100 * MINUTE);
    const times = plan.takeTimes();
    const late = times.map((at, i) => at - (40_000 + i * MINUTE));
    expect(times.length).toBeGreaterThanOrEqual(98);
    for (const ms of late) expect(ms).toBeGreaterThanOrEqual(0);
    for (const ms of late) expect(ms).toBeLessThan(MINUTE);
    expect(new Set(late).size).toBeGreaterThan(90);
  });

  test.each([
    ['unique-too-large', { uniqueId: 'u'.repeat(65) }],
    ['schedule-too-large', { data: 'x'.repeat(1001) }],
    [{ problem: 'it never comes' }, { cron: '0 0 30 2 *' }],
    [{ problem: 'it never comes' }, { endAtMs: START }],
    [{ problem: expect.stringMatching('minute') }, { cron: '60 * * * *' }],
    [{ problem: '"Mars/Base" is not a time zone' }, { timeZone: 'Mars/Base' }],
  ])('is refused: %j', (refusal, wish) => {
    const plan = new Plan();
    expect(plan.submit(wish)).toEqual(refusal);
    expect(plan.world.engine.schedules.size).toBe(0);
    expect(plan.world.engine.sizeBytes).toBe(0);
  });

  test('is refused when there are too many, unless it takes the place of one', () => {
    const plan = new Plan({ maxSchedules: 2 });
    plan.schedule({ uniqueId: 'a' });
    plan.schedule({ uniqueId: 'b' });
    expect(plan.submit({ uniqueId: 'c' })).toBe('too-many-schedules');
    expect(plan.schedule({ uniqueId: 'b', cron: '0 * * * *' }).definition.cron).toBe('0 * * * *');
  });

  test('counts as queued: it is refused when memory is short, and leaves less for jobs', () => {
    const plan = new Plan({ maxQueueBytes: 5200 });
    const first = plan.schedule({ data: 'x'.repeat(1000) });
    expect(plan.world.engine.sizeBytes).toBe(2500);
    plan.schedule({ data: 'x'.repeat(900) });
    expect(plan.submit({})).toBe('memory-full');
    expect(plan.world.peer().background('f', { payload: 'x'.repeat(400) })).toBe('memory-full');
    plan.world.engine.schedules.cancel(first.handle);
    expect(plan.world.peer().background('f')).toBe(3);
  });
});

describe('while the job of the run before has not ended', () => {
  test.each(['skip', 'replace', 'allow'] as const)('%s', (overlap) => {
    const plan = new Plan();
    const schedule = plan.schedule({ overlap });
    plan.world.pass(3 * MINUTE);
    const jobs = [...plan.world.engine.jobs()];
    expect(plan.runs).toHaveLength(overlap === 'skip' ? 1 : 3);
    expect(jobs.map(({ number }) => number)).toEqual({ skip: [2], replace: [4], allow: [2, 3, 4] }[overlap]);
    expect(jobs[0]?.uniqueId).toBe(overlap === 'allow' ? `${schedule.handle}@1700000040` : schedule.handle);
    expect(schedule.progress.runs).toBe(overlap === 'skip' ? 1 : 3);
  });

  test('the next run comes when it has ended', () => {
    const plan = new Plan();
    plan.schedule({ overlap: 'skip' });
    const worker = plan.world.peer().canDo('f');
    plan.world.pass(MINUTE);
    const job = worker.grab() ?? 0;
    plan.world.pass(MINUTE);
    expect(plan.takeTimes()).toEqual([40_000]);
    worker.finish(job);
    plan.world.pass(MINUTE);
    expect(plan.takeTimes()).toEqual([160_000]);
  });

  test('a job that somebody has submitted under the unique id of the schedule is such a job, too', () => {
    const plan = new Plan();
    plan.schedule({ overlap: 'skip', uniqueId: 'nightly' });
    plan.world.peer().background('f', { unique: 'nightly' });
    plan.takeTimes();
    plan.world.pass(10 * MINUTE);
    expect(plan.takeTimes()).toEqual([]);
  });

  test('a replaced job is cancelled for whoever runs it', () => {
    const plan = new Plan();
    plan.schedule({ overlap: 'replace' });
    const worker = plan.world.peer().canDo('f');
    plan.world.pass(MINUTE);
    const job = worker.grab() ?? 0;
    plan.world.pass(MINUTE);
    expect(plan.world.status(job)).toBe('unknown');
    expect(worker.finish(job)).toBe(true);
    expect(worker.grab()).toBe(job + 1);
  });
});

describe('when the clock is set', () => {
  test('a little forward: what it passed over runs once, at the next look', () => {
    const plan = new Plan();
    plan.schedule({ cron: '0 * * * *', catchUp: 'one' });
    // 22:13:20; the clock is an hour ahead all at once.
    plan.step(HOUR);
    plan.world.pass(MINUTE);
    expect(plan.takeInstants()).toEqual(['23:00:00']);
    plan.world.pass(HOUR);
    expect(plan.takeInstants()).toEqual(['00:00:00']);
  });

  test.each([
    ['none', []],
    ['one', ['03:00:00']],
    ['all', ['23:00:00', '00:00:00', '01:00:00', '02:00:00', '03:00:00']],
  ] as const)('far forward: catchUp %s', (catchUp, instants) => {
    const plan = new Plan();
    plan.schedule({ cron: '0 * * * *', catchUp });
    plan.step(5 * HOUR);
    plan.world.pass(MINUTE);
    expect(plan.takeInstants()).toEqual(instants);
    plan.world.pass(HOUR);
    expect(plan.takeInstants()).toEqual(['04:00:00']);
  });

  test('forward over a run by seconds, it is not missed, whatever catchUp says', () => {
    const plan = new Plan();
    plan.schedule({ cron: '0 * * * *', catchUp: 'none' });
    plan.world.pass(46 * MINUTE);
    plan.step(50 * SECOND);
    plan.world.pass(MINUTE);
    expect(plan.takeInstants()).toEqual(['23:00:00']);
  });

  test.each([1, 59, 3600, 23 * 3600])('back by %i s: no instant comes twice, none is left out', (seconds) => {
    const plan = new Plan();
    plan.schedule({ cron: '*/10 * * * *' });
    plan.world.pass(HOUR);
    const before = plan.takeInstants();
    expect(before).toEqual(['22:20:00', '22:30:00', '22:40:00', '22:50:00', '23:00:00', '23:10:00']);
    plan.step(-seconds * SECOND);
    plan.world.pass(seconds * SECOND + HOUR);
    expect(plan.takeInstants()).toEqual([
      '23:20:00',
      '23:30:00',
      '23:40:00',
      '23:50:00',
      '00:00:00',
      '00:10:00',
    ]);
  });

  test('back by years, it was wrong before: what it said does not count', () => {
    const plan = new Plan();
    plan.schedule({ cron: '0 * * * *' });
    plan.step(3650 * DAY);
    plan.world.pass(2 * HOUR);
    plan.takeInstants();
    plan.step(-3650 * DAY);
    plan.world.pass(2 * HOUR);
    expect(plan.takeInstants()).toEqual(['01:00:00', '02:00:00']);
  });

  test('to and fro a hundred times: every instant that the clock has reached has run once', () => {
    const plan = new Plan();
    plan.schedule({ cron: '*/5 * * * *', catchUp: 'all' });
    let random = 7;
    let latest = 0;
    for (let i = 0; i < 100; i++) {
      random = (random * 16_807) % 2_147_483_647;
      plan.step(((random % 7200) - 3600) * SECOND);
      plan.world.pass(10 * MINUTE);
      latest = Math.max(latest, plan.world.clock.wallMs);
    }
    plan.world.pass(2 * HOUR);
    latest = Math.max(latest, plan.world.clock.wallMs);
    const instants = plan.runs.map(({ job }) => Number(job.uniqueId.split('@')[1]) * 1000);
    const expected: number[] = [];
    for (let at = Math.ceil(START / (5 * MINUTE)) * 5 * MINUTE; at <= latest; at += 5 * MINUTE)
      expected.push(at);
    expect(instants).toEqual(expected);
  });

  test('the engine looks at it every minute', () => {
    const plan = new Plan();
    plan.schedule({ cron: '0 0 1 1 *' });
    expect(plan.world.engine.nextDelayMs()).toBe(MINUTE);
    const job = plan.world.peer().submit('g', { inSeconds: 7200 });
    plan.step(7200 * SECOND);
    plan.world.pass(MINUTE);
    expect(plan.world.status(job)).toBe('queued 0/0');
  });

  test('epoch jobs of different times all run, in the order of their submits, none before its time', () => {
    const { world } = new Plan();
    const client = world.peer();
    for (const inSeconds of [30, 10, 20, 4000, 3000])
      client.submit('f', { inSeconds, payload: String(inSeconds) });
    const worker = world.peer().canDo('f');
    world.pass(5 * SECOND);
    world.clock.wallMs -= HOUR;
    world.pass(HOUR);
    expect(worker.drain()).toEqual([]);
    world.pass(30 * SECOND);
    expect(worker.drain()).toEqual(['f:30', 'f:10', 'f:20']);
    world.clock.wallMs += 2 * HOUR;
    world.pass(MINUTE);
    expect(worker.drain()).toEqual(['f:4000', 'f:3000']);
  });
});

describe('what was missed', () => {
  test('is made up for by a thousand runs at the most, the latest ones, in slices', () => {
    const plan = new Plan();
    plan.schedule({ catchUp: 'all' });
    plan.step(3000 * MINUTE);
    let slices = 0;
    for (; plan.runs.length === 0 || plan.world.engine.nextDelayMs() === 0; slices++)
      plan.world.engine.advance();
    expect(slices).toBeGreaterThan(10);
    const instants = plan.runs.map(({ job }) => Number(job.uniqueId.split('@')[1]) * 1000);
    const last = Math.floor(plan.world.clock.wallMs / MINUTE) * MINUTE;
    expect(instants).toEqual(Array.from({ length: 1000 }, (_, i) => last - (999 - i) * MINUTE));
  });

  test('counts to the limit and to the last moment', () => {
    const plan = new Plan();
    plan.schedule({ cron: '0 * * * *', catchUp: 'all', limit: 2 });
    plan.schedule({ cron: '0 * * * *', catchUp: 'all', endAtMs: START + 2 * HOUR });
    plan.schedule({ cron: '0 * * * *', catchUp: 'one', endAtMs: START + 2 * HOUR });
    plan.step(10 * HOUR);
    plan.world.pass(MINUTE);
    expect(plan.takeInstants().sort()).toEqual(['00:00:00', '00:00:00', '00:00:00', '23:00:00', '23:00:00']);
    expect(plan.world.engine.schedules.size).toBe(0);
  });

  test('while paused is not', () => {
    const plan = new Plan();
    const { schedules } = plan.world.engine;
    const { handle } = plan.schedule({ catchUp: 'all' });
    expect(schedules.pause(handle)).toBe(true);
    plan.world.pass(HOUR);
    expect(plan.takeTimes()).toEqual([]);
    expect(schedules.resume(handle)).toBe(true);
    plan.world.pass(MINUTE);
    expect(plan.takeInstants()).toEqual(['23:14:00']);
    for (const how of ['pause', 'resume', 'cancel'] as const) expect(schedules[how]('S:none')).toBe(false);
  });
});

describe('a run whose job is refused', () => {
  test('is tried again until it is accepted, and then once', () => {
    const plan = new Plan();
    plan.world.engine.createFunction('f');
    plan.world.engine.setMaxQueue('f', [1, 1, 1]);
    const client = plan.world.peer();
    const blocking = client.background('f');
    plan.takeTimes();
    plan.schedule({ cron: '0 * * * *', overlap: 'allow' });
    plan.world.pass(47 * MINUTE);
    expect(plan.takeTimes()).toEqual([]);
    plan.world.engine.cancel(plan.world.handle(Number(blocking)));
    plan.world.pass(5 * SECOND);
    expect(plan.takeInstants()).toEqual(['23:00:00']);
    plan.world.pass(30 * MINUTE);
    expect(plan.takeTimes()).toEqual([]);
  });
});

describe('asked to run now', () => {
  test('it runs, paused or not, and goes on as before', () => {
    const plan = new Plan();
    const { schedules } = plan.world.engine;
    const schedule = plan.schedule({ cron: '0 * * * *', overlap: 'skip', limit: 1 });
    expect(schedules.run(schedule.handle)).toBe('submitted');
    expect(schedules.run(schedule.handle)).toBe('overlaps');
    expect(schedules.run('S:none')).toBe('unknown');
    expect(schedule.progress).toMatchObject({ runs: 0, lastRunMs: START });
    expect(plan.takeTimes()).toEqual([0]);
    plan.world.peer().canDo('f').drain();
    schedules.pause(schedule.handle);
    plan.world.engine.setMaxQueue('f', [1, 1, 1]);
    expect(plan.world.engine.cancel(plan.world.handle(2))).toBe(true);
    expect(schedules.run(schedule.handle)).toBe('submitted');
    expect(plan.world.engine.cancel(plan.world.handle(3))).toBe(true);
    plan.world.peer().background('f');
    expect(schedules.run(schedule.handle)).toBe('queue-full');
  });
});

test('nothing runs once the server ends', () => {
  const plan = new Plan();
  plan.schedule({});
  plan.world.engine.schedules.hold();
  plan.world.pass(HOUR);
  expect(plan.takeTimes()).toEqual([]);
  plan.world.engine.drain();
  expect(plan.submit({})).toBe('shutting-down');
});
