import { createRequire } from 'node:module';

/** The part of abraxas that is used here. */
interface Abraxas {
  readonly Server: { listen(options: { readonly host: string; readonly port: number }): unknown };
}

const { Server } = createRequire(import.meta.url)('abraxas') as Abraxas;
Server.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
