import type { Observable } from '@gearman/events';
import { createPool, type Pool } from '@gearman/pool';
import type { GearmanError, JobRef } from '@gearman/protocol';
import { expectTypeOf, test } from 'vitest';
import {
  type Client,
  type ClientEvent,
  createClient,
  type Job,
  type JobEvent,
  type JobExceptionError,
  type JobProgress,
  type JobState,
  type Outcome,
  type Payload,
} from '../../src/index.ts';

/** Types only: nothing in here runs. */
function typesOf(client: Client, job: Job): unknown {
  return [
    client.submit('f'),
    // @ts-expect-error a function needs a name
    client.submit(),
    // @ts-expect-error other values are for codecs
    client.submit('f', { a: 1 }),
    // @ts-expect-error durations end in Ms
    client.submit('f', '', { responseTimeout: 5 }),
    // @ts-expect-error nobody waits for the result of a background job
    client.submitBackground('f', '', { responseTimeoutMs: 5 }),
    // @ts-expect-error a shared pool has its servers already
    createClient({ pool: createPool(), servers: 'a', clientId: 'x' } satisfies {
      pool: Pool;
      servers: never;
    }),
    job.on('status', (event) => expectTypeOf(event.fraction).toBeNumber()),
    // @ts-expect-error there is no such event
    job.on('completed', () => {}),
  ];
}

test('a job is what awaiting it gives', () => {
  expectTypeOf(typesOf).toBeFunction();
  expectTypeOf((client: Client, data: Payload) => client.submit('f', data)).returns.toEqualTypeOf<Job>();
  expectTypeOf<Awaited<Job>>().toEqualTypeOf<Buffer>();
  expectTypeOf<Awaited<Job<string>>>().toEqualTypeOf<string>();
  expectTypeOf<Job>().toExtend<AsyncIterable<Buffer>>();
  expectTypeOf((client: Client) => client.submitBackground('f')).returns.resolves.toEqualTypeOf<JobRef>();
  expectTypeOf((client: Client) => client.trySubmit('f')).returns.resolves.toEqualTypeOf<Outcome<Buffer>>();
});

test('events narrow by their type, on the emitter and as a union', () => {
  expectTypeOf<Extract<JobEvent, { type: 'exception' }>['error']>().toEqualTypeOf<JobExceptionError>();
  expectTypeOf<Extract<JobEvent<string>, { type: 'complete' }>['value']>().toEqualTypeOf<string>();
  expectTypeOf<Job['events$']>().toEqualTypeOf<Observable<JobEvent>>();
  expectTypeOf<Client['events$']>().toEqualTypeOf<Observable<ClientEvent>>();
  expectTypeOf<Extract<ClientEvent, { type: 'status' }>['job']>().toEqualTypeOf<Job<unknown, unknown>>();
  expectTypeOf<Extract<ClientEvent, { type: 'connect' }>>().toEqualTypeOf<{
    readonly type: 'connect';
    readonly server: string;
  }>();
});

test('a state holds only what it has', () => {
  expectTypeOf<Extract<JobState, { name: 'created' }>['ref']>().toEqualTypeOf<JobRef>();
  expectTypeOf<Extract<JobState, { name: 'waiting' }>>().toEqualTypeOf<{ readonly name: 'waiting' }>();
  expectTypeOf<Extract<JobState, { name: 'failed' }>['event']['error']>().toExtend<GearmanError>();
});

/** Types only: nothing in here runs. */
function typesOfAttempts(client: Client): unknown {
  return [
    client.submit('f', '', { retries: 3, resubmit: 'always', onQueueFull: 'wait' }),
    client.submit('f', '', {
      retries: { limit: 1, retryIf: (error) => error.code === 'ERR_GEARMAN_JOB_FAILED' },
    }),
    // @ts-expect-error how often is `limit`
    client.submit('f', '', { retries: { attempts: 3 } }),
    client.submit('f', '', { onStatus: ({ fraction }) => expectTypeOf(fraction).toBeNumber() }),
    // @ts-expect-error nobody hears of a background job
    client.submitBackground('f', '', { onStatus: () => {} }),
    client.with({ priority: 'high' }).submit('f'),
    // @ts-expect-error a unique id belongs to one job
    client.with({ uniqueId: 'u' }),
    client.submitAt('f', { delayMs: 5 }),
    // @ts-expect-error units are in the name
    client.submitAt('f', { delay: 5 }),
    client.schedule('f', { dow: 'mon' }),
    // @ts-expect-error days have short names
    client.schedule('f', { dow: 'monday' }),
    client.use((request, next) => next({ ...request, functionName: `a.${request.functionName}` })),
  ];
}

test('attempts, times and middleware infer what they take', () => {
  expectTypeOf(typesOfAttempts).toBeFunction();
  expectTypeOf<Extract<JobEvent, { type: 'retry' }>['delayMs']>().toBeNumber();
  expectTypeOf<Extract<JobState, { name: 'retrying' }>['error']>().toExtend<GearmanError>();
  expectTypeOf<Job['cancel']>().returns.resolves.toEqualTypeOf<'removed' | 'signalled' | 'unknown'>();
  expectTypeOf<Job['status$']>().toEqualTypeOf<Observable<JobProgress>>();
  expectTypeOf<Job<string>['result$']>().toEqualTypeOf<Observable<string>>();
});
