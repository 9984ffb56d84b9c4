import { describe, expect, test } from 'vitest';
import { createSupervisor } from '../../src/supervisor/index.ts';
import { createFakeSupervisor } from './fake-children.ts';

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

describe('start', () => {
  test('starts every process of every module, and resolves when all are ready', async () => {
    const { supervisor, children, end, settle } = createFakeSupervisor({
      modules: [{ module: fixture('jobs.mjs'), processes: 2 }, fixture('registers.mjs')],
    });
    let isStarted = false;
    const starting = supervisor.start().then(() => {
      isStarted = true;
    });
    expect(supervisor.processes.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'jobs.1 starting',
      'jobs.2 starting',
      'registers.1 starting',
    ]);
    const [first, ...others] = children;
    for (const child of others) child.ready();
    await settle();
    expect(isStarted).toBe(false);
    first?.ready();
    await starting;
    expect(supervisor.processes.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    await end();
  });

  test('rejects when a module cannot be loaded, and leaves no process', async () => {
    const { supervisor, children, newest, events, settle } = createFakeSupervisor({ processes: 2 });
    const rejected = expect(supervisor.start()).rejects.toMatchObject({ code: 'ERR_GEARMAN_MODULE' });
    children[0]?.ready();
    newest().exit(1);
    await settle();
    children[0]?.exit(0);
    await rejected;
    expect(children[0]?.drains).toEqual([0]);
    expect(events.at(-1)?.type).toBe('stop');
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
  });

  test('rejects when it is stopped meanwhile', async () => {
    const { supervisor, end } = createFakeSupervisor();
    const starting = supervisor.start();
    const [outcome] = await Promise.allSettled([starting, end()]);
    expect(outcome).toMatchObject({ reason: { code: 'ERR_GEARMAN_CLOSED' } });
  });
});

describe('a process that ends by itself', () => {
  test('starts again after delays that double up to the longest', async () => {
    const { started, newest, clock, children, events, supervisor, end } = createFakeSupervisor({
      restart: { minMs: 100, maxMs: 500, stableMs: 1000 },
    });
    await started();
    for (const delayMs of [100, 200, 400, 500, 500]) {
      newest().ready();
      newest().exit(1);
      await clock.advanceAsync(0);
      expect(events.at(-1)).toMatchObject({ type: 'process-restart', delayMs });
      expect(supervisor.processes[0]).toMatchObject({ state: 'waiting', pid: undefined });
      const before = children.length;
      await clock.advanceAsync(delayMs - 1);
      expect(children.length).toBe(before);
      await clock.advanceAsync(1);
      expect(children.length).toBe(before + 1);
    }
    expect(supervisor.processes[0]).toMatchObject({ state: 'starting', restarts: 5 });
    await end();
  });

  test('starts again at once when it had been at work for long, and the row begins anew', async () => {
    const { started, newest, clock, events, end } = createFakeSupervisor({ restart: { stableMs: 1000 } });
    await started();
    newest().exit(1);
    await clock.advanceAsync(100);
    newest().ready();
    await clock.advanceAsync(1000);
    newest().exit(1);
    await clock.advanceAsync(0);
    newest().exit(1);
    await clock.advanceAsync(0);
    const delays = events.flatMap((event) => (event.type === 'process-restart' ? event.delayMs : []));
    expect(delays).toEqual([100, 0, 100]);
    await end();
  });

  test('does not start again while the supervisor stops', async () => {
    const { started, supervisor, newest, children, clock, settle } = createFakeSupervisor();
    await started();
    newest().exit(1);
    await settle();
    await supervisor.stop();
    await clock.advanceAsync(60_000);
    expect(children.length).toBe(1);
    expect(clock.timerCount).toBe(0);
  });

  test('with keepAlive: false is left alone, and the last one ends the supervisor', async () => {
    const { started, supervisor, children, settle } = createFakeSupervisor({
      processes: 2,
      keepAlive: false,
    });
    await started();
    children[0]?.exit(0);
    await settle();
    expect(supervisor.processes.map(({ state }) => state)).toEqual(['ended', 'ready']);
    children[1]?.exit(3);
    expect(await supervisor.done).toEqual({
      processes: [
        { process: 'fake-children.1', exitCode: 0, signal: null },
        { process: 'fake-children.2', exitCode: 3, signal: null },
      ],
      killed: 0,
    });
  });
});

describe('reload', () => {
  test('replaces one process after the other, each when the new one is ready', async () => {
    const { started, supervisor, children, newest, events, settle, living, end } = createFakeSupervisor({
      processes: 2,
      stopTimeoutMs: 5000,
    });
    await started();
    const [first, second] = children;
    const reloading = supervisor.reload();
    await settle();
    expect(children.length).toBe(3);
    expect(first?.drains).toEqual([]);
    newest().ready();
    await settle();
    expect([first?.drains, second?.drains, children.length]).toEqual([[5000], [], 3]);
    first?.exit(0);
    await settle();
    expect(children.length).toBe(4);
    newest().ready();
    await settle();
    second?.exit(0);
    await reloading;
    expect(living().map(({ pid }) => pid)).toEqual(supervisor.processes.map(({ pid }) => pid));
    expect(events.filter(({ type }) => type === 'process-restart')).toEqual([]);
    expect(events.at(-1)).toEqual({ type: 'reload-done' });
    await end();
  });

  test('keeps the old process when the new one does not come up', async () => {
    const { started, supervisor, newest, events, settle, living, end } = createFakeSupervisor();
    await started();
    const old = newest();
    const reloading = supervisor.reload();
    await settle();
    newest().exit(1);
    await expect(reloading).rejects.toMatchObject({ code: 'ERR_GEARMAN_MODULE' });
    expect(living()).toEqual([old]);
    expect(old.drains).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: 'module-error', process: 'fake-children.1' });
    expect(supervisor.processes[0]?.state).toBe('ready');
    await end();
  });

  test('lets the new process take the place of an old one that ends meanwhile', async () => {
    const { started, supervisor, newest, children, settle, end } = createFakeSupervisor();
    await started();
    const old = newest();
    const reloading = supervisor.reload();
    await settle();
    old.exit(1);
    await settle();
    newest().ready();
    await reloading;
    expect(children.length).toBe(2);
    expect(supervisor.processes[0]).toMatchObject({ state: 'ready', pid: newest().pid });
    await end();
  });

  test('starts the place again when both the old and the new process end', async () => {
    const { started, supervisor, newest, clock, settle, end } = createFakeSupervisor();
    await started();
    const old = newest();
    const reloading = supervisor.reload();
    const failed = expect(reloading).rejects.toThrow();
    await settle();
    old.exit(1);
    newest().exit(1);
    await failed;
    await clock.advanceAsync(100);
    newest().ready();
    expect(supervisor.processes[0]?.state).toBe('ready');
    await end();
  });

  test('is followed by another one for a call meanwhile', async () => {
    const { started, supervisor, newest, children, settle, end } = createFakeSupervisor();
    await started();
    const reloads = [supervisor.reload(), supervisor.reload()];
    for (let i = 0; i < 2; i++) {
      await settle();
      newest().ready();
      await settle();
      children[i]?.exit(0);
    }
    await Promise.all(reloads);
    expect(children.length).toBe(3);
    await end();
  });
});

describe('recycling', () => {
  test.each([
    ['jobs', 10, 1],
    ['memory', 1, 1000],
  ])('replaces a process because of its %s', async (reason, jobs, memoryBytes) => {
    const { started, newest, events, settle, children, end } = createFakeSupervisor({
      recycle: { maxJobs: 10, maxMemoryBytes: 1000 },
    });
    await started();
    newest().figures(9, 999);
    await settle();
    expect(children.length).toBe(1);
    const old = newest();
    old.figures(jobs, memoryBytes);
    old.figures(jobs + 1, memoryBytes);
    await settle();
    expect(events.filter(({ type }) => type === 'process-recycle')).toEqual([
      { type: 'process-recycle', process: 'fake-children.1', reason },
    ]);
    expect(children.length).toBe(2);
    newest().ready();
    await settle();
    expect(old.drains.length).toBe(1);
    await end();
  });

  test('is tried again later when the new process does not come up', async () => {
    const { started, newest, events, clock, settle, children, end } = createFakeSupervisor({
      recycle: { maxJobs: 10 },
      restart: { maxMs: 500 },
    });
    await started();
    const old = newest();
    old.figures(10);
    await settle();
    newest().exit(1);
    await settle();
    old.figures(11);
    await clock.advanceAsync(499);
    expect(children.length).toBe(2);
    await clock.advanceAsync(1);
    expect(children.length).toBe(3);
    newest().ready();
    await settle();
    expect(old.drains.length).toBe(1);
    expect(events.filter(({ type }) => type === 'process-recycle').length).toBe(2);
    await end();
  });

  test('by age is spread, and never replaces two at the same time', async () => {
    const draws = [0, 1, 0.5, 0, 0];
    const { started, clock, children, events, end } = createFakeSupervisor({
      processes: 3,
      random: () => draws.shift() ?? 0,
      recycle: { maxAgeMs: 1000, splay: 0.2 },
    });
    await started();
    await clock.advanceAsync(800);
    const due = () => events.flatMap((event) => (event.type === 'process-recycle' ? event.process : []));
    expect(due()).toEqual(['fake-children.2']);
    await clock.advanceAsync(200);
    expect(due()).toEqual(['fake-children.2', 'fake-children.3', 'fake-children.1']);
    // The first new one is not ready yet.
    expect(children.length).toBe(4);
    children[3]?.ready();
    await clock.advanceAsync(0);
    children[1]?.exit(0);
    await clock.advanceAsync(0);
    expect(children.length).toBe(5);
    await end();
  });
});

describe('apply', () => {
  test('starts and ends processes until there are as many as wanted', async () => {
    const { started, supervisor, children, settle, living, end } = createFakeSupervisor({ processes: 1 });
    await started();
    const growing = supervisor.apply({ processes: 3 });
    await settle();
    expect(children.length).toBe(3);
    for (const child of children.slice(1)) child.ready();
    await growing;
    const shrinking = supervisor.apply({ processes: 1 });
    await settle();
    expect(children.map(({ drains }) => drains.length)).toEqual([0, 1, 1]);
    expect(supervisor.processes.map(({ state }) => state)).toEqual(['ready', 'draining', 'draining']);
    for (const child of children.slice(1)) child.exit(0);
    await shrinking;
    expect(living()).toEqual([children[0]]);
    await end();
  });

  test('replaces the processes whose options changed, and only those', async () => {
    const jobs = { module: fixture('jobs.mjs') };
    const { started, supervisor, children, newest, settle, end } = createFakeSupervisor({
      modules: [jobs, fixture('registers.mjs')],
    });
    await started();
    const changing = supervisor.apply({
      modules: [{ ...jobs, worker: { concurrency: 9 } }, fixture('registers.mjs')],
    });
    await settle();
    newest().ready();
    await settle();
    expect(children.map(({ drains }) => drains.length)).toEqual([1, 0, 0]);
    children[0]?.exit(0);
    await changing;
    await end();
  });

  test('ends the processes of modules that are gone, and starts those of new ones', async () => {
    const { started, supervisor, children, newest, settle, end } = createFakeSupervisor({
      modules: [fixture('jobs.mjs')],
    });
    await started();
    const changing = supervisor.apply({ modules: [fixture('registers.mjs')] });
    await settle();
    newest().ready();
    children[0]?.exit(0);
    await changing;
    expect(supervisor.processes.map(({ name }) => name)).toEqual(['registers.1']);
    await end();
  });

  test('other delays hold for processes that are there', async () => {
    const { started, supervisor, newest, events, settle, end } = createFakeSupervisor();
    await started();
    await supervisor.apply({ restart: { minMs: 7 } });
    newest().exit(1);
    await settle();
    expect(events.at(-1)).toMatchObject({ type: 'process-restart', delayMs: 7 });
    await end();
  });

  test('changes nothing when the options are wrong', async () => {
    const { started, supervisor, children, end } = createFakeSupervisor();
    await started();
    await expect(supervisor.apply({ processes: -1 })).rejects.toMatchObject({
      code: 'ERR_GEARMAN_INVALID_ARGUMENT',
    });
    expect(children.length).toBe(1);
    await end();
  });
});

describe('stop', () => {
  test('lets all processes end within the limit, tells how, and is the last event', async () => {
    const { started, supervisor, children, settle } = createFakeSupervisor({ processes: 2 });
    await started();
    const stopping = supervisor.stop({ timeoutMs: 123 });
    expect(children.map(({ drains }) => drains)).toEqual([[123], [123]]);
    children[0]?.exit(0);
    children[1]?.kill();
    await settle();
    const report = await stopping;
    expect(report).toEqual({
      processes: [
        { process: 'fake-children.1', exitCode: 0, signal: null },
        { process: 'fake-children.2', exitCode: null, signal: 'SIGKILL' },
      ],
      killed: 1,
    });
    const last: unknown[] = [];
    supervisor.events$.subscribe({ next: (event) => last.push(event), complete: () => last.push('end') });
    expect(last).toEqual([{ type: 'stop', ...report }, 'end']);
    expect(await supervisor.stop()).toEqual(report);
    await expect(supervisor.reload()).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
  });

  test('ends a replacement that is under way as well', async () => {
    const { started, supervisor, children, settle, end } = createFakeSupervisor();
    await started();
    const reloading = supervisor.reload();
    await settle();
    await end();
    await reloading;
    expect(children.map(({ drains }) => drains.length)).toEqual([1, 1]);
  });

  test('waits for a process that was replaced and still has jobs, and shortens its time', async () => {
    const { started, supervisor, children, newest, settle, living } = createFakeSupervisor({
      stopTimeoutMs: 60_000,
    });
    await started();
    const reloading = supervisor.reload();
    await settle();
    newest().ready();
    await settle();
    expect(children[0]?.drains).toEqual([60_000]);
    const stopping = supervisor.stop({ timeoutMs: 5 });
    newest().exit(0);
    await settle();
    expect(children[0]?.drains).toEqual([60_000, 5]);
    expect(living()).toEqual([children[0]]);
    children[0]?.exit(0);
    await stopping;
    await reloading;
  });

  test('kill() waits for nobody', async () => {
    const { started, supervisor, living } = createFakeSupervisor({ processes: 2 });
    await started();
    expect((await supervisor.kill()).killed).toBe(2);
    expect(living()).toEqual([]);
  });
});

test('what processes print goes to the logger, line by line, with their names', async () => {
  const lines: unknown[] = [];
  const say =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push([level, fields, message]);
  const logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const { started, newest, end } = createFakeSupervisor({ logger });
  await started();
  const { pid } = newest();
  newest().print('hello');
  newest().print('oh', 'stderr');
  expect(lines.slice(-2)).toEqual([
    ['info', { process: 'fake-children.1', pid }, 'hello'],
    ['warn', { process: 'fake-children.1', pid }, 'oh'],
  ]);
  await end();
});

describe('options', () => {
  const module = fixture('jobs.mjs');
  test.each<[RegExp, object]>([
    [/give module, or modules/, {}],
    [/give module, or modules/, { module, modules: [module] }],
    [/there is no .*no-such-file/, { module: './no-such-file.mjs' }],
    [/is a folder/, { module: fixture('folder') }],
    [/is no folder/, { modules: [{ folder: module }] }],
    [/a module, or a folder/, { modules: [{ module, folder: fixture('folder') }] }],
    [/two modules are called "jobs"/, { modules: [module, module] }],
    [/processes/, { module, processes: -1 }],
    [/maxAge/, { module, recycle: { maxAge: 1 } }],
    [/plain data/, { module, worker: { onServerLost: () => 'retry' } }],
    [/forks/, { module, forks: 2 }],
  ])('are refused: %s', (message, options) => {
    // They are wrong, which is the point.
    expect(() => createSupervisor(options as never)).toThrow(message);
  });
});
