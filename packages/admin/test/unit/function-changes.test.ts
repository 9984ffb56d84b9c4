import { map } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';
import { type FunctionDelta, functionChanges } from '../../src/function-changes.ts';
import type { FunctionStatus, Snapshot } from '../../src/index.ts';

const row = (functionName: string, queued: number, running = 0, workers = 0): FunctionStatus => ({
  functionName,
  total: queued + running,
  queued,
  running,
  workers,
});

/** What the servers said that answered. Only that and the time count. */
const said = (answers: Record<string, readonly FunctionStatus[]>): Snapshot => ({
  takenAtMs: 7,
  answers: Object.entries(answers).map(([server, value]) => ({ server, value })),
  functions: [],
  workers: [],
  failures: [],
});

/** Waiting, running and workers now, and what was added to each. */
function show({ type, functionName, status, change }: FunctionDelta): string {
  const now = [status.queued, status.running, status.workers].join('/');
  return `${type} ${functionName} ${now} by ${[change.queued, change.running, change.workers].join('/')}`;
}

interface Marbles {
  readonly snapshots: string;
  readonly deltas: string;
  readonly unsubscribed?: string;
  readonly subscription: string;
}

function checkMarbles(
  { snapshots, deltas, unsubscribed, subscription }: Marbles,
  values: Record<string, Snapshot>,
  texts: Record<string, string> = {},
): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
    const source = cold(snapshots, values);
    const shown = functionChanges(source).pipe(map(show));
    expectObservable(shown, unsubscribed).toBe(deltas, texts);
    expectSubscriptions(source.subscriptions).toBe(subscription);
  });
}

test('tells what is there at first, then what differs, then what is gone', () => {
  checkMarbles(
    { snapshots: 'a----b---c---|', deltas: '    (pq)-r---(st)|', subscription: '^------------!' },
    {
      a: said({ one: [row('mail', 2), row('resize', 0, 1, 1)] }),
      b: said({ one: [row('mail', 0, 2, 3), row('resize', 0, 1, 1)] }),
      c: said({ one: [row('resize', 4, 0, 1)] }),
    },
    {
      p: 'added mail 2/0/0 by 2/0/0',
      q: 'added resize 0/1/1 by 0/1/1',
      r: 'changed mail 0/2/3 by -2/2/3',
      s: 'changed resize 4/0/1 by 4/-1/0',
      t: 'removed mail 0/0/0 by 0/-2/-3',
    },
  );
});

test('says nothing when only connections have changed', () => {
  checkMarbles(
    { snapshots: 'a--a--|', deltas: 'p-----|', subscription: '^-----!' },
    { a: said({ one: [row('mail', 1)] }) },
    { p: 'added mail 1/0/0 by 1/0/0' },
  );
});

test('adds servers up, and lets one that is silent count with what it said last', () => {
  checkMarbles(
    { snapshots: 'a--b--c--|', deltas: 'p-----q--|', subscription: '^--------!' },
    {
      a: said({ one: [row('mail', 1)], two: [row('mail', 2)] }),
      b: said({ two: [row('mail', 2)] }),
      c: said({ one: [row('mail', 0)], two: [row('mail', 5)] }),
    },
    { p: 'added mail 3/0/0 by 3/0/0', q: 'changed mail 5/0/0 by 2/0/0' },
  );
});

test('looks no longer than somebody listens', () => {
  checkMarbles(
    { snapshots: 'a--b--', deltas: 'p--', unsubscribed: '^-!', subscription: '^-!' },
    { a: said({ one: [row('mail', 1)] }), b: said({ one: [] }) },
    { p: 'added mail 1/0/0 by 1/0/0' },
  );
});

test('names the time of the snapshot', () => {
  const seen: FunctionDelta[] = [];
  const scheduler = new TestScheduler(() => {});
  scheduler.run(({ cold, flush }) => {
    functionChanges(cold('(a|)', { a: said({ one: [row('mail', 1)] }) })).subscribe((delta) =>
      seen.push(delta),
    );
    flush();
  });
  expect(seen).toEqual([
    {
      type: 'added',
      functionName: 'mail',
      status: row('mail', 1),
      change: { total: 1, queued: 1, running: 0, workers: 0 },
      takenAtMs: 7,
    },
  ]);
});
