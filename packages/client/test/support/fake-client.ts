import { FakeClock } from '@gearman/testing';
import { type Client, type ClientOptions, createClient } from '../../src/index.ts';
import { FakeNetwork, type FakeServer, turn } from './fake-network.ts';

/** A client on a fake network and a fake clock. */
export interface FakeClient {
  readonly client: Client;
  readonly clock: FakeClock;
  readonly network: FakeNetwork;
}

export function createFakeClient(options: ClientOptions = {}): FakeClient {
  const clock = new FakeClock();
  const network = new FakeNetwork();
  const fake = { servers: 'a:1', clock, dial: network.dial, random: () => 0.5 };
  return { client: createClient({ ...fake, ...options }), clock, network };
}

/** One that is connected. */
export async function connectFakeClient(
  options: ClientOptions = {},
): Promise<FakeClient & { readonly server: FakeServer }> {
  const fake = createFakeClient(options);
  const server = fake.network.last.accept();
  await turn();
  return { ...fake, server };
}
