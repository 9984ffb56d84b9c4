import type { Pool } from '@gearman/pool';
import type { Observable } from 'rxjs';
import { describe, expectTypeOf, test } from 'vitest';
import type {
  Handler,
  Registration,
  StopReport,
  Worker,
  WorkerEvent,
  WorkerJob,
  WorkerOptions,
} from '../../src/index.ts';

describe('types', () => {
  test('a handler may return bytes, text, nothing, or promise it', () => {
    expectTypeOf<() => string>().toExtend<Handler>();
    expectTypeOf<() => void>().toExtend<Handler>();
    expectTypeOf<() => Promise<void>>().toExtend<Handler>();
    expectTypeOf<(job: WorkerJob) => Uint8Array>().toExtend<Handler>();
    expectTypeOf<(job: WorkerJob) => Promise<string | undefined>>().toExtend<Handler>();
    expectTypeOf<() => Promise<Buffer>>().toExtend<Handler>();
  });

  test('a handler may return nothing else', () => {
    expectTypeOf<() => number>().not.toExtend<Handler>();
    expectTypeOf<() => Promise<object>>().not.toExtend<Handler>();
    expectTypeOf<() => null>().not.toExtend<Handler>();
  });

  test('a pool excludes the options of a connection', () => {
    expectTypeOf<{ pool: Pool; concurrency: 4 }>().toExtend<WorkerOptions>();
    expectTypeOf<{ servers: string[]; concurrency: 4 }>().toExtend<WorkerOptions>();
    expectTypeOf<{ pool: string }>().not.toExtend<WorkerOptions>();
  });

  test('listeners get the events of their type', () => {
    type Listener<T extends WorkerEvent['type']> = Parameters<
      Parameters<typeof Worker.prototype.on<T>>[1]
    >[0];
    expectTypeOf<Listener<'job-complete'>['resultBytes']>().toEqualTypeOf<number>();
    expectTypeOf<Listener<'job-exception'>['error']>().toEqualTypeOf<unknown>();
    expectTypeOf<Worker['events$']>().toEqualTypeOf<Observable<WorkerEvent>>();
  });

  test('methods return what they say', () => {
    expectTypeOf<Worker['register']>().returns.toEqualTypeOf<Registration>();
    expectTypeOf<Worker['start']>().returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Worker['stop']>().returns.toEqualTypeOf<Promise<StopReport>>();
    expectTypeOf<Worker['running']>().toEqualTypeOf<readonly WorkerJob[]>();
    expectTypeOf<WorkerJob['write']>().returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<WorkerJob['payload']>().toEqualTypeOf<Uint8Array>();
  });
});
