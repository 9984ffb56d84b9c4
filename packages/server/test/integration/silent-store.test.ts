import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../support/memory-store.ts';
import { readMessage } from '../support/read-message.ts';
import { canDo, grab, handleIn, submit, submitBackground, workComplete } from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';

const TIMEOUT_MS = 4000;
const REFUSED = 'ERROR QUEUE_ERROR|The job cannot be stored: memory has not answered for 4000 ms';
const read = (messages: readonly string[]): string[] => messages.map(readMessage);

/** A server whose store has one job, and does not answer about the next, which `first` waits for. */
async function startSilent() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = (_fields: object, message: string): void => void lines.push(message);
  const store = new MemoryStore();
  const logger = { debug: () => {}, info: log, warn: log, error: log };
  const running = await startServer({ store, clock, logger });
  const [first, client, worker] = [await running.connect(), await running.connect(), await running.connect()];
  const kept = handleIn((await client.ask(submitBackground('f', 'kept')))[0]);
  store.hold();
  const started = store.started();
  first.send(submitBackground('f', 'first'));
  await started;
  return { clock, lines, store, running, first, client, worker, kept };
}

describe('a store that does not answer', () => {
  test('refuses the jobs that it has not seen after a while, and new ones at once; all else goes on', async () => {
    const { clock, store, running, client, worker, kept, lines } = await startSilent();
    const waiting = await running.connect();
    const answer = waiting.ask(submitBackground('f', 'gathered'));
    await expect.poll(() => running.server.stats.jobs).toBe(3);
    clock.advance(TIMEOUT_MS - 1);
    expect(running.server.stats.store?.full).toBeUndefined();
    clock.advance(1);
    expect(read(await answer)).toEqual([expect.stringContaining(REFUSED)]);
    expect(read(await client.ask(submitBackground('f', 'new')))).toEqual([expect.stringContaining(REFUSED)]);
    expect(running.server.stats).toMatchObject({
      store: { full: expect.stringContaining('has not answered for 4000 ms'), refusedJobs: 2 },
      limits: { storeTimeoutMs: 1 },
    });
    expect(lines).toContainEqual(expect.stringContaining('memory has not answered for 4000 ms'));

    const foreground = handleIn((await client.ask(submit('g', 'x')))[0]);
    expect(read(await worker.ask(canDo('f'), grab()))).toEqual([`JOB_ASSIGN ${kept}|f|kept`]);
    await worker.ask(workComplete(kept, ''), canDo('g'), grab(), workComplete(foreground, 'done'));
    expect(read(await client.arrived())).toEqual([`WORK_COMPLETE ${foreground}|done`]);
    store.letGo();
  });

  test('and then does: the job that was on its way is there, ends are recorded, and new jobs are taken', async () => {
    const { clock, store, running, first, client, worker, kept, lines } = await startSilent();
    clock.advance(TIMEOUT_MS);
    await client.ask(submitBackground('f', 'new'));
    await worker.ask(canDo('f'), grab(), workComplete(kept, ''));
    const answer = first.arrived();
    store.letGo();
    expect(read(await answer)).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
    await expect
      .poll(() => [...store.place.jobs.values()].map(({ payload }) => String(payload)))
      .toEqual(['first']);
    expect(read(await client.ask(submitBackground('f', 'more')))).toEqual([
      expect.stringMatching(/^JOB_CREATED /),
    ]);
    expect(running.server.stats).toMatchObject({ jobs: 2, store: { jobs: 2, full: undefined } });
    expect(lines).toContain('the store answers again');
  });

  test.each(['is there', 'is gone'])(
    'does not keep close() waiting for more than a while when who waits for it %s',
    async (where) => {
      const { clock, store, running, lines, first } = await startSilent();
      if (where === 'is gone') {
        await first.close();
        await expect.poll(() => running.server.stats.connections).toBe(2);
      }
      const closed = running.server.close();
      await expect.poll(() => clock.pendingTimers).toBeGreaterThan(0);
      clock.advance(TIMEOUT_MS);
      await closed;
      expect(lines).toContainEqual(expect.stringContaining('the server ends without it'));
      // When it answers after all, nothing more is asked of it.
      store.letGo();
      expect(store.batches).toHaveLength(3);
    },
  );

  test('is waited for as long as it takes, if that is what is asked for', async () => {
    const clock = new FakeClock();
    const store = new MemoryStore();
    const running = await startServer({ store, clock, limits: { storeTimeoutMs: 0 } });
    const client = await running.connect();
    store.hold();
    const started = store.started();
    client.send(submitBackground('f'));
    await started;
    clock.advance(3_600_000);
    expect(running.server.stats.store?.full).toBeUndefined();
    const answer = client.arrived();
    store.letGo();
    expect(read(await answer)).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
  });
});
