import type { Connection } from '@gearman/pool';
import { response } from '@gearman/protocol';
import { map, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { HandJob } from '../support/hand-client.ts';

type Helpers = Parameters<Parameters<TestScheduler['run']>[0]>[0];

// The bytes of these packets are nobody's read buffer.
const CONNECTION = { own: (bytes: Uint8Array) => bytes } as Connection;
const HANDLE = 'H:0';

/** What happens to a job, by letter. */
const ACTIONS: Readonly<Record<string, (job: HandJob) => void>> = {
  c: (job) => job.create(),
  1: (job) => job.progress(1, 4),
  2: (job) => job.progress(2, 4),
  d: (job) => part(job, 'd'),
  e: (job) => part(job, 'e'),
  w: ({ job }) => {
    job.onWork(response('WORK_WARNING', { handle: HANDLE, data: Buffer.from('hm') }), CONNECTION);
  },
  Z: (job) => job.complete('Z'),
  0: (job) => job.complete(''),
  F: (job) => job.fail(),
};

function part({ job }: HandJob, text: string): void {
  job.onWork(response('WORK_DATA', { handle: HANDLE, data: Buffer.from(text) }), CONNECTION);
}

/** A job whose life is one marble line, in virtual time. */
function life(line: string, play: (helpers: Helpers & Pick<HandJob, 'job'>) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => {
    const hand = new HandJob(0, 'f', '', undefined);
    // As soon as the test flushes, which is before those who subscribe in it.
    helpers.hot(line).subscribe((letter) => ACTIONS[letter]?.(hand));
    play({ ...helpers, job: hand.job });
  });
}

const text = (source: Observable<Uint8Array>): Observable<string> =>
  source.pipe(map((bytes) => Buffer.from(bytes).toString()));

const FAILED = expect.objectContaining({ code: 'ERR_GEARMAN_JOB_FAILED' });

describe('events$', () => {
  const letter = {
    submitted: 's',
    created: 'c',
    status: 'p',
    data: 'd',
    warning: 'w',
    complete: 'Z',
    fail: 'F',
  };
  const letters = (source: Observable<{ readonly type: string }>): Observable<string> =>
    source.pipe(map(({ type }) => (letter as Record<string, string>)[type] ?? type));

  test('shows all in order and completes with the job', () => {
    life('-c---1-d-w-Z', ({ job, expectObservable }) => {
      expectObservable(letters(job.events$)).toBe('-(sc)p-d-w-(Z|)');
    });
  });

  test('does not error for a failed job', () => {
    life('-c---F', ({ job, expectObservable }) => {
      expectObservable(letters(job.events$)).toBe('-(sc)(F|)');
    });
  });

  test('tells those who come late what was, at once', () => {
    life('-c-1---------d-Z', ({ job, expectObservable }) => {
      expectObservable(letters(job.events$), '-----^').toBe('-----(scp)---d-(Z|)');
    });
  });
});

describe('status$', () => {
  const P1 = { numerator: 1, denominator: 4, fraction: 0.25 };
  const P2 = { numerator: 2, denominator: 4, fraction: 0.5 };

  test('shows progress only, and completes with the job', () => {
    life('-c-1-d-2-Z', ({ job, expectObservable }) => {
      expectObservable(job.status$).toBe('---a---b-|', { a: P1, b: P2 });
    });
  });

  test('completes with a failed job, too', () => {
    life('-c-1-F', ({ job, expectObservable }) => {
      expectObservable(job.status$).toBe('---a-|', { a: P1 });
    });
  });
});

describe('data$', () => {
  test('shows the parts as they come, the last one with the end', () => {
    life('-c-d-e-Z', ({ job, expectObservable }) => {
      expectObservable(text(job.data$)).toBe('---d-e-(Z|)');
    });
  });

  test('shows no empty last part', () => {
    life('-c-d-0', ({ job, expectObservable }) => {
      expectObservable(text(job.data$)).toBe('---d-|');
    });
  });

  test('gives those who come late what was, and those who come too late the whole', () => {
    life('-c-d-e-Z', ({ job, expectObservable }) => {
      expectObservable(text(job.data$), '----^').toBe('----de-(Z|)');
      expectObservable(text(job.data$), '---------^').toBe('---------(w|)', { w: 'deZ' });
    });
  });

  test('errors behind the parts of a failed job', () => {
    life('-c-d-F', ({ job, expectObservable }) => {
      expectObservable(text(job.data$)).toBe('---d-#', undefined, FAILED);
      expectObservable(text(job.data$), '-------^').toBe('-------#', undefined, FAILED);
    });
  });

  test('lets the job be when somebody stops looking', () => {
    life('-c-d-e-Z', ({ job, expectObservable, flush }) => {
      expectObservable(text(job.data$), '^---!').toBe('---d');
      flush();
      expect(job.state).toMatchObject({ name: 'complete', event: { bytes: Buffer.from('deZ') } });
    });
  });
});

describe('result$', () => {
  test('is the whole result', () => {
    life('-c-d-Z', ({ job, expectObservable }) => {
      expectObservable(text(job.result$)).toBe('-----(w|)', { w: 'dZ' });
      expectObservable(text(job.result$), '-------^').toBe('-------(w|)', { w: 'dZ' });
    });
  });

  test('errors with the failure', () => {
    life('-c-F', ({ job, expectObservable }) => {
      expectObservable(job.result$).toBe('---#', undefined, FAILED);
    });
  });
});
