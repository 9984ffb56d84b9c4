import type { ClientOptions, Job, SubmitOptions } from '../../src/index.ts';
import { connectFakeClient, type FakeClient } from './fake-client.ts';
import { type FakeServer, turn } from './fake-network.ts';

export interface FakeJob extends FakeClient {
  readonly server: FakeServer;
  readonly job: Job;
  /** The types of the job's events so far. */
  readonly story: string[];
}

/** A job that was sent and has no answer yet. */
export async function sentJob(options: SubmitOptions = {}, client: ClientOptions = {}): Promise<FakeJob> {
  const fake = await connectFakeClient(client);
  const job = fake.client.submit('reverse', 'abc', options);
  const story: string[] = [];
  job.on('event', ({ type }) => story.push(type));
  await turn();
  fake.server.take('SUBMIT_JOB');
  return { ...fake, job, story };
}

/** A job that the server has taken; its handle is `H:1`. */
export async function createdJob(options: SubmitOptions = {}, client: ClientOptions = {}): Promise<FakeJob> {
  const fake = await sentJob(options, client);
  fake.server.create('H:1');
  return fake;
}

/** What a promise has rejected with. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not reject with an error');
}
