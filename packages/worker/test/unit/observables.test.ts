import { merge, NEVER, of } from 'rxjs';
import { concatMap, delay, map, mergeMap, take } from 'rxjs/operators';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import type { WorkerEvent, WorkerJob, WorkerStatus } from '../../src/index.ts';
import { turn } from '../support/fake-network.ts';
import { createFakeWorker, createStartedWorker, said } from '../support/fake-worker.ts';

const scheduler = (): TestScheduler =>
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected));

describe('jobs$', () => {
  test('brings jobs as they come; operators decide how many are at work', async () => {
    const jobs: WorkerJob[] = [];
    const fake = await createStartedWorker(
      (worker) => void worker.jobs$('f').subscribe((job) => jobs.push(job)),
      { concurrency: 4 },
    );
    for (const payload of ['a', 'b', 'c']) fake.peer.assign('f', payload);
    await turn();
    expect(jobs.map((job) => job.text())).toEqual(['a', 'b', 'c']);
    scheduler().run(({ cold, expectObservable }) => {
      const [a, b, c] = jobs;
      const source = cold('abc|', { a, b, c }).pipe(
        concatMap((job) => of(job).pipe(delay(3))),
        map((job) => job?.text()),
      );
      expectObservable(source).toBe('---a--b--(c|)');
    });
    for (const job of jobs) job.complete();
    expect(await said(fake.peer)).toContain('WORK_COMPLETE(1)');
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('registers on subscribing, takes back on unsubscribing, completes with the worker', async () => {
    const { worker } = createFakeWorker();
    const jobs$ = worker.jobs$('f');
    expect(worker.isRegistered('f')).toBe(false);
    const first = jobs$.subscribe();
    expect(worker.isRegistered('f')).toBe(true);
    first.unsubscribe();
    expect(worker.isRegistered('f')).toBe(false);
    const story: string[] = [];
    jobs$.subscribe({ complete: () => story.push('complete') });
    await worker.stop();
    expect(story).toEqual(['complete']);
    jobs$.subscribe({ error: ({ code }: { code: string }) => story.push(code) });
    expect(story).toEqual(['complete', 'ERR_GEARMAN_CLOSED']);
  });
});

describe('status$', () => {
  test('begins with the present, follows jobs and connections, and completes with the worker', async () => {
    const fake = createFakeWorker();
    const seen: string[] = [];
    const word = ({ state, running, servers }: WorkerStatus): string =>
      `${state} ${servers[0]?.state} ${running}`;
    fake.worker.status$.subscribe({
      next: (status) => seen.push(word(status)),
      complete: () => seen.push('|'),
    });
    expect(seen).toEqual(['idle connecting 0']);
    fake.worker.register('f', () => new Promise<string>(() => {}));
    void fake.worker.start();
    fake.peer.accept();
    await turn();
    fake.peer.assign();
    await turn();
    await fake.worker.stop({ timeoutMs: 0 });
    const changes = seen.filter((each, index) => each !== seen[index - 1]);
    expect(changes[0]).toBe('idle connecting 0');
    expect(changes).toContain('started idle 0');
    expect(changes).toContain('started working 1');
    expect(changes.at(-2)).toMatch(/^stopped/);
    expect(changes.at(-1)).toBe('|');
  });

  test('is only watched while somebody watches', async () => {
    const { worker } = createFakeWorker();
    const all: number[] = [];
    const subscription = worker.status$.pipe(take(1)).subscribe(({ running }) => all.push(running));
    expect(subscription.closed).toBe(true);
    void worker.start();
    expect(all).toEqual([0]);
    await worker.stop();
  });
});

describe('events$ of a registration', () => {
  test('shows what is about its function, and completes with the worker', async () => {
    const events: string[] = [];
    const fake = await createStartedWorker((worker) => {
      const name = ({ type }: WorkerEvent): string => type;
      const registration = worker.register('f', () => 'x');
      worker.register('g', () => 'x');
      registration.events$.subscribe({
        next: (event) => events.push(name(event)),
        complete: () => events.push('|'),
      });
    });
    fake.peer.assign('g');
    fake.peer.assign('f');
    await turn();
    expect(events).toEqual(['job-start', 'job-complete']);
    fake.peer.close();
    await fake.worker.stop({ timeoutMs: 0 });
    expect(events).toEqual(['job-start', 'job-complete', '|']);
  });

  test('goes through operators as any Observable does', () => {
    scheduler().run(({ hot, expectObservable }) => {
      const source = hot('-s-c-s-c-|', { s: 'job-start', c: 'job-complete' });
      const both = merge(source.pipe(mergeMap((type) => (type === 'job-complete' ? of(type) : []))), NEVER);
      expectObservable(both.pipe(take(2))).toBe('---c---(c|)', { c: 'job-complete' });
    });
  });
});
