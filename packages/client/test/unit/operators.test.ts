import { catchError, concatMap, EMPTY, map, merge, type Observable, of, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { type JobEvent, submitMap, takeResult, withProgress } from '../../src/index.ts';
import { HandClient } from '../support/hand-client.ts';

type Helpers = Parameters<Parameters<TestScheduler['run']>[0]>[0];

/**
 * Virtual time, one frame for each character. A job takes as many frames as its payload says (`a3`: three), gives its
 * payload in capitals, and fails when that begins with `x`. One without payload is left to the test.
 */
function marbles(play: (helpers: Helpers & { readonly client: HandClient }) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  const client = new HandClient((job) => {
    if (job.text === '') return;
    scheduler.schedule(
      () => {
        if (job.job.done) return;
        if (job.text.startsWith('x')) job.fail();
        else job.complete(job.text.toUpperCase());
      },
      Number(job.text.slice(1)),
    );
  });
  scheduler.run((helpers) => play({ ...helpers, client }));
}

/** Results as text, errors as their code. */
function readable(source: Observable<Uint8Array>): Observable<string> {
  return source.pipe(
    map((bytes) => Buffer.from(bytes).toString()),
    catchError((error: { readonly code?: string }) => throwError(() => error.code ?? error)),
  );
}

const FAILED = 'ERR_GEARMAN_JOB_FAILED';

describe('submitMap()', () => {
  test('gives the result of a job for every value, as they come', () => {
    marbles(({ hot, expectObservable, client }) => {
      const source = hot('  -a-b------|', { a: 'a5', b: 'b1' });
      const expected = '    ----b-a---|';
      expectObservable(readable(source.pipe(submitMap(client, 'f')))).toBe(expected, { a: 'A5', b: 'B1' });
    });
  });

  test('gives them in the order of the values when asked to', () => {
    marbles(({ hot, expectObservable, client }) => {
      const source = hot('  -a-b-----c-|', { a: 'a5', b: 'b1', c: 'c2' });
      const expected = '    ------(ab)-(c|)';
      const results = source.pipe(submitMap(client, 'f', { ordered: true }));
      expectObservable(readable(results)).toBe(expected, { a: 'A5', b: 'B1', c: 'C2' });
    });
  });

  test('keeps as many jobs running as it may, and values waiting for their turn', () => {
    marbles(({ cold, expectObservable, client, flush }) => {
      const source = cold(' (abcd|)', { a: 'a4', b: 'b2', c: 'c3', d: 'd1' });
      const expected = '    --b-a(cd|)';
      const results = source.pipe(submitMap(client, 'f', { concurrency: 2 }));
      expectObservable(readable(results)).toBe(expected, { a: 'A4', b: 'B2', c: 'C3', d: 'D1' });
      flush();
      expect(client.jobs.map(({ text }) => text)).toEqual(['a4', 'b2', 'c3', 'd1']);
    });
  });

  test('takes one value after the other with concurrency 1', () => {
    marbles(({ hot, expectObservable, client }) => {
      const source = hot('  -ab-c-----|', { a: 'a3', b: 'b2', c: 'c1' });
      const expected = '    ----a-bc--|';
      const results = source.pipe(submitMap(client, 'f', { concurrency: 1 }));
      expectObservable(readable(results)).toBe(expected, { a: 'A3', b: 'B2', c: 'C1' });
    });
  });

  test('completes with its last job, not with its source', () => {
    marbles(({ cold, expectObservable, client }) => {
      const source = cold(' -(a|)', { a: 'a5' });
      const expected = '    ------(a|)';
      expectObservable(readable(source.pipe(submitMap(client, 'f')))).toBe(expected, { a: 'A5' });
      expectObservable(readable(EMPTY.pipe(submitMap(client, 'f')))).toBe('|');
    });
  });

  test('errors with the first job that fails: the others are detached, what waits is never sent', () => {
    marbles(({ cold, expectObservable, expectSubscriptions, client, flush }) => {
      const source = cold(' (axbc)---', { a: 'a9', x: 'x3', b: 'b9', c: 'c9' });
      const expected = '    ---#';
      const results = source.pipe(submitMap(client, 'f', { concurrency: 2 }));
      expectObservable(readable(results)).toBe(expected, {}, FAILED);
      expectSubscriptions(source.subscriptions).toBe('^--!');
      flush();
      expect(client.jobs.map(({ text }) => text)).toEqual(['a9', 'x3']);
      expect(client.running).toEqual([]);
    });
  });

  test('errors with its source', () => {
    marbles(({ cold, expectObservable, client, flush }) => {
      const source = cold(' a-#', { a: 'a9' });
      expectObservable(readable(source.pipe(submitMap(client, 'f')))).toBe('--#');
      flush();
      expect(client.running).toEqual([]);
    });
  });

  test('gives everything up on unsubscribe', () => {
    marbles(({ hot, expectObservable, expectSubscriptions, client, flush }) => {
      const source = hot('  -ab-c-d', { a: 'a2', b: 'b9', c: 'c9', d: 'd1' });
      const unsubscribed = '-----!';
      const expected = '    ---a--';
      const results = source.pipe(submitMap(client, 'f', { concurrency: 2 }));
      expectObservable(readable(results), unsubscribed).toBe(expected, { a: 'A2' });
      expectSubscriptions(source.subscriptions).toBe('^----!');
      flush();
      expect(client.jobs.map(({ text, job }) => [text, job.state.name])).toEqual([
        ['a2', 'complete'],
        ['b9', 'failed'],
        ['c9', 'failed'],
      ]);
    });
  });

  test('ends when more values wait than may', () => {
    marbles(({ hot, expectObservable, client, flush }) => {
      const source = hot('  abc', { a: 'a9', b: 'b9', c: 'c9' });
      const expected = '    --#';
      const results = source.pipe(submitMap(client, 'f', { concurrency: 1, maxQueued: 1 }));
      expectObservable(readable(results)).toBe(expected, {}, 'ERR_GEARMAN_OVERFLOW');
      flush();
      expect(client.jobs).toHaveLength(1);
    });
  });

  test('submits for each subscriber', () => {
    marbles(({ cold, expectObservable, client, flush }) => {
      const results = cold('a|', { a: 'a1' }).pipe(submitMap(client, 'f'));
      expectObservable(readable(merge(results, results))).toBe('-(aa|)', { a: 'A1' });
      flush();
      expect(client.jobs).toHaveLength(2);
    });
  });

  test('hands the options of a job to each', () => {
    const client = new HandClient();
    const subscription = of('a', 'b')
      .pipe(submitMap(client, 'f', { priority: 'low', uniqueId: 'payload', concurrency: 5 }))
      .subscribe();
    expect(client.jobs.map(({ options }) => options)).toEqual([
      { priority: 'low', uniqueId: 'payload' },
      { priority: 'low', uniqueId: 'payload' },
    ]);
    subscription.unsubscribe();
  });

  test('refuses options that make no sense, at once', () => {
    const client = new HandClient();
    const wrong = expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
    expect(() => submitMap(client, 'f', { concurrency: 0 })).toThrow(wrong);
    expect(() => submitMap(client, 'f', { maxQueued: -1 })).toThrow(wrong);
  });
});

/** A job's events at the frames that the diagram says: `1` to `9` tenths, `r` result, `x` failure. */
function events(diagram: string, { cold, client }: Helpers & { readonly client: HandClient }) {
  const job = client.start('f');
  return cold(diagram).pipe(
    concatMap((mark) => {
      const told: JobEvent[] = [];
      const listener = (event: JobEvent): void => void told.push(event);
      job.job.on('event', listener);
      if (/\d/.test(mark)) job.progress(Number(mark), 10);
      else if (mark === 'r') job.complete('done');
      else job.fail();
      job.job.off('event', listener);
      return told;
    }),
  );
}

describe('takeResult()', () => {
  test('gives the result and completes with it', () => {
    marbles((helpers) => {
      const results = events('  --1-2-r', helpers).pipe(takeResult());
      helpers.expectObservable(readable(results)).toBe('------(r|)', { r: 'done' });
    });
  });

  test('errors with what the job failed with', () => {
    marbles((helpers) => {
      const results = events('  --1-x', helpers).pipe(takeResult());
      helpers.expectObservable(readable(results)).toBe('----#', {}, FAILED);
    });
  });

  test('completes without a result when its source does', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(readable(cold<JobEvent>('--|').pipe(takeResult()))).toBe('--|');
      expectObservable(cold<JobEvent>('--#').pipe(takeResult())).toBe('--#');
    });
  });
});

describe('withProgress()', () => {
  test('shows every progress and lets all events pass', () => {
    marbles((helpers) => {
      const seen: string[] = [];
      const source = events('--1-5-r', helpers).pipe(
        withProgress(({ numerator, denominator, fraction }) =>
          seen.push(`${numerator}/${denominator} ${fraction}`),
        ),
        map(({ type }) => type),
      );
      const types = { s: 'status', r: 'complete' };
      // The diagram's source does not complete: a job's events would.
      helpers.expectObservable(source).toBe('--s-s-r', types);
      helpers.flush();
      expect(seen).toEqual(['1/10 0.1', '5/10 0.5']);
    });
  });

  test('errors with what the listener throws', () => {
    marbles((helpers) => {
      const source = events('--1-5-r', helpers).pipe(
        withProgress(() => {
          throw new RangeError('no');
        }),
      );
      helpers.expectObservable(source).toBe('--#', {}, new RangeError('no'));
    });
  });
});
