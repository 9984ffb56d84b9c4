import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gearmandOnFreePort } from '../support/gearmand.ts';
import { JobBook } from '../support/job-book.ts';
import { startClient, startWorker } from '../support/load.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = Number(process.env['GEARMAN_KILLS'] ?? 3);
const MOST_ACKNOWLEDGEMENTS = Number(process.env['GEARMAN_JOBS_PER_KILL'] ?? 2000);
const CLIENTS = 4;
const WORKERS = 3;
const SECONDS_PER_KILL = 10;

/** Clients and workers of one life of the server. */
async function startLoad(port: number, book: JobBook, clients: number, keeps: () => boolean) {
  const started = [startWorker(port, ['ordered'], book, keeps)];
  for (let i = 1; i < WORKERS; i++) started.push(startWorker(port, ['any'], book, keeps));
  for (let i = 0; i < clients; i++) started.push(startClient(port, book));
  const connections = await Promise.all(started);
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

/** One life of the server, under load, until it is killed at some moment. */
async function liveAndDie(directory: string, book: JobBook): Promise<void> {
  const server = await gearmandOnFreePort('--data-dir', directory);
  const acknowledged = book.acknowledgements(1 + Math.floor(Math.random() * MOST_ACKNOWLEDGEMENTS));
  {
    await using _load = await startLoad(server.port, book, CLIENTS, () => Math.random() < 0.02);
    await acknowledged;
    server.signal('SIGKILL');
    await server.ended;
  }
  // What the dead server had still sent has been read by now.
  book.killed();
  expect(errorsIn(server.stderr())).toEqual([]);
}

test('no acknowledged job is lost, altered, or repeated without need, however often the server is killed', {
  timeout: 20_000 + KILLS * SECONDS_PER_KILL * 1000,
}, async () => {
  const directory = join(temporaryFolder(), 'jobs');
  const book = new JobBook(Math.random);
  for (let kill = 0; kill < KILLS; kill++) await liveAndDie(directory, book);
  const server = await gearmandOnFreePort('--data-dir', directory);
  await using _workers = await startLoad(server.port, book, 0, () => false);
  await book.settled();
  if (process.env['GEARMAN_KILLS'] !== undefined) {
    const figures = { kills: KILLS, acknowledged: book.acknowledged, lost: 0, repeats: book.repeats };
    process.stdout.write(`torture: ${JSON.stringify(figures)}\n`);
  }
  expect(book.complaints).toEqual([]);
});

/** Lines of a log at the level at which something is wrong. */
function errorsIn(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && !line.includes(' NOTICE '));
}
