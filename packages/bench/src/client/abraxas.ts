import { createRequire } from 'node:module';
import { contend, port } from './contender.ts';

/** The part of abraxas that is used here. */
interface Abraxas {
  readonly Client: {
    connect(
      options: { readonly servers: readonly string[] },
      onConnect: (error: unknown, client: AbraxasClient) => void,
    ): void;
  };
}

interface AbraxasClient {
  submitJob(name: string, options: object, payload: Buffer): PromiseLike<string>;
  disconnect(): void;
}

const { Client } = createRequire(import.meta.url)('abraxas') as Abraxas;
const client = await new Promise<AbraxasClient>((resolve, reject) => {
  Client.connect({ servers: [`127.0.0.1:${port}`] }, (error, connected) =>
    error === null ? resolve(connected) : reject(new Error('no connection', { cause: error })),
  );
});
await contend((payload) => client.submitJob('echo', {}, payload));
client.disconnect();
