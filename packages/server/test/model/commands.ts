import fc from 'fast-check';
import type { Priority } from '../../src/engine/job.ts';
import { ATTEMPT_FAILURES, type AttemptFailure } from '../../src/engine/retry-policy.ts';
import { type Limits, type Rules, UNIQUE_IDS, type WorkPacket } from './job-system.ts';

/**
 * One step of a run. Peers and jobs are named by any number; it means one of those that are there when the step is
 * taken, so that a run with some steps left out still makes sense.
 */
export type Command =
  | { readonly type: 'connect'; readonly exceptions: boolean }
  | { readonly type: 'disconnect'; readonly peer: number }
  | { readonly type: 'set-client-id'; readonly peer: number; readonly id: string }
  | { readonly type: 'want-exceptions'; readonly peer: number }
  | { readonly type: 'want-streaming'; readonly peer: number }
  | { readonly type: 'can-do'; readonly peer: number; readonly fn: string; readonly timeoutMs: number }
  | { readonly type: 'cant-do'; readonly peer: number; readonly fn: string }
  | { readonly type: 'reset-abilities'; readonly peer: number }
  | { readonly type: 'pre-sleep'; readonly peer: number }
  | { readonly type: 'grab'; readonly peer: number }
  | {
      readonly type: 'submit';
      readonly peer: number;
      readonly fn: string;
      readonly uniqueId: string;
      readonly workload: string;
      readonly priority: Priority;
      readonly background: boolean;
      readonly reducer: string | undefined;
    }
  | {
      readonly type: 'submit-epoch';
      readonly peer: number;
      readonly fn: string;
      readonly uniqueId: string;
      readonly workload: string;
      readonly inMs: number;
    }
  | {
      readonly type: 'work';
      readonly packet: WorkPacket;
      readonly job: number;
      /** Undefined: the connection that grabbed it. */
      readonly peer: number | undefined;
      readonly text: string;
    }
  | { readonly type: 'cancel'; readonly job: number }
  | { readonly type: 'requeue-dead'; readonly job: number }
  | { readonly type: 'delete-dead'; readonly job: number }
  | { readonly type: 'create-function'; readonly fn: string }
  | { readonly type: 'drop-function'; readonly fn: string }
  | { readonly type: 'max-queue'; readonly fn: string; readonly limits: Limits }
  | { readonly type: 'drain' }
  | { readonly type: 'pass'; readonly ms: number; readonly advance: boolean }
  | { readonly type: 'set-wall-clock'; readonly byMs: number };

/** What happens in one run. */
export interface Scenario {
  readonly rules: Rules;
  readonly commands: readonly Command[];
}

const peer = fc.nat({ max: 4 });
const fn = fc.constantFrom('f', 'f', 'g', 'h');
const uniqueId = fc.oneof({ weight: 3, arbitrary: fc.constant('') }, fc.constantFrom(...UNIQUE_IDS));
// Short ones are kept as text, long ones as bytes; keys longer than 64 bytes are hashed.
const workload = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('', 'p', 'q', 'a') },
  fc.constantFrom('p'.repeat(64), 'p'.repeat(65), `${'p'.repeat(64)}q`, 'p'.repeat(1025)),
);
const priority = fc.constantFrom<Priority>(0, 1, 1, 2);
const limit = fc.constantFrom(0, 0, 1, 2);
const job = fc.nat({ max: 9 });

type Fields<T extends Command['type']> = Omit<Extract<Command, { type: T }>, 'type'>;
type Arbitraries<T> = { readonly [K in keyof T]: fc.Arbitrary<T[K]> };

function command<const T extends Command['type']>(
  weight: number,
  type: T,
  fields: Arbitraries<Fields<T>>,
): fc.WeightedArbitrary<Command> {
  // The fields of T and its tag are a command; TypeScript cannot see that through the mapped type.
  const arbitrary = fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<Command>;
  return { weight, arbitrary };
}

const commands = fc.oneof(
  command(4, 'connect', { exceptions: fc.boolean() }),
  command(4, 'disconnect', { peer }),
  command(1, 'set-client-id', { peer, id: fc.constantFrom('', 'w', 'w'.repeat(128)) }),
  command(1, 'want-exceptions', { peer }),
  command(1, 'want-streaming', { peer }),
  command(10, 'can-do', { peer, fn, timeoutMs: fc.constantFrom(0, 0, 0, 1000, 1500) }),
  command(3, 'cant-do', { peer, fn }),
  command(2, 'reset-abilities', { peer }),
  command(12, 'pre-sleep', { peer }),
  command(18, 'grab', { peer }),
  command(20, 'submit', {
    peer,
    fn,
    uniqueId,
    workload,
    priority,
    background: fc.boolean(),
    reducer: fc.oneof(
      { weight: 8, arbitrary: fc.constant(undefined) },
      fc.constantFrom('r', 'r'.repeat(64), 'r'.repeat(65)),
    ),
  }),
  command(4, 'submit-epoch', {
    peer,
    fn,
    uniqueId,
    workload,
    inMs: fc.constantFrom(-1000, 0, 1000, 1000, 2000, 90_000),
  }),
  command(14, 'work', {
    packet: fc.constantFrom<WorkPacket>(
      'data',
      'warning',
      'status',
      'complete',
      'fail',
      'fail',
      'exception',
      'release',
    ),
    job,
    peer: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, peer),
    text: fc.nat({ max: 9 }).map(String),
  }),
  command(3, 'cancel', { job }),
  command(2, 'requeue-dead', { job }),
  command(2, 'delete-dead', { job }),
  command(1, 'create-function', { fn }),
  command(1, 'drop-function', { fn }),
  command(2, 'max-queue', { fn, limits: fc.tuple(limit, limit, limit) }),
  command(6, 'pass', {
    ms: fc.constantFrom(0, 1, 49, 50, 999, 1000, 1001, 90_000),
    advance: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
  }),
  command(1, 'set-wall-clock', { byMs: fc.constantFrom(-5000, 5000) }),
);

const seldom = fc.constant<Command>({ type: 'drain' });

const rules: fc.Arbitrary<Rules> = fc.record({
  jobRetries: fc.constantFrom(-1, -1, 0, 1, 2),
  requeue: fc.constantFrom('tail', 'head'),
  workerWakeup: fc.constantFrom<'auto' | number>('auto', 'auto', 0, 1, 2),
  wakeupLookMs: fc.constant(50),
  noWorker: fc.constantFrom('queue', 'queue', 'fail'),
  maxFunctions: fc.constantFrom(100, 100, 2, 1),
  maxFunctionsPerConnection: fc.constantFrom(100, 100, 2),
  maxJobs: fc.constantFrom(1000, 1000, 3),
  maxQueueBytes: fc.constantFrom(1_000_000, 1_000_000, 1500),
  retry: fc.option(
    fc.record({
      attempts: fc.constantFrom(1, 2, 3),
      delayMs: fc.constantFrom(0, 50, 1000),
      on: fc.constantFrom<readonly AttemptFailure[]>(
        ATTEMPT_FAILURES,
        ATTEMPT_FAILURES,
        ['fail'],
        ['lost', 'exception'],
      ),
    }),
    { nil: undefined },
  ),
  ttlMs: fc.constantFrom(undefined, undefined, 1000, 90_000),
  maxDead: fc.constantFrom(undefined, 2, 100),
  parks: fc.boolean(),
});

/** Any run of up to so many steps. */
export function scenarios(maxLength: number): fc.Arbitrary<Scenario> {
  const step = fc.oneof({ weight: 150, arbitrary: commands }, { weight: 1, arbitrary: seldom });
  return fc.record({ rules, commands: fc.array(step, { maxLength, size: 'max' }) });
}
