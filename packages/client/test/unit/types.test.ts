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
  expectTypeOf<Client['submit']>().returns.toEqualTypeOf<Job>();
  expectTypeOf<Awaited<Job>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<Awaited<Job<string>>>().toEqualTypeOf<string>();
  expectTypeOf<Job>().toExtend<AsyncIterable<Uint8Array>>();
  expectTypeOf<Client['submitBackground']>().returns.resolves.toEqualTypeOf<JobRef>();
  expectTypeOf<Client['trySubmit']>().returns.resolves.toEqualTypeOf<Outcome<Uint8Array>>();
  expectTypeOf<Parameters<Client['submit']>[1]>().toEqualTypeOf<Payload>();
});

test('events narrow by their type, on the emitter and as a union', () => {
  expectTypeOf<Extract<JobEvent, { type: 'exception' }>['error']>().toEqualTypeOf<JobExceptionError>();
  expectTypeOf<Extract<JobEvent<string>, { type: 'complete' }>['value']>().toEqualTypeOf<string>();
  expectTypeOf<Job['events$']>().toEqualTypeOf<Observable<JobEvent>>();
  expectTypeOf<Client['events$']>().toEqualTypeOf<Observable<ClientEvent>>();
  expectTypeOf<Extract<ClientEvent, { type: 'status' }>['job']>().toEqualTypeOf<Job<unknown>>();
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
