import { mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, gearmand, gearmandOnFreePort } from '../support/gearmand.ts';
import { JobBook } from '../support/job-book.ts';
import { startClient, startWorker } from '../support/load.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const wanted = process.env['GEARMAN_KILLS'];
const KILLS = Number(wanted ?? 3);
/** At most; half of them as a rule. */
const MOST_ACKNOWLEDGEMENTS = Number(process.env['GEARMAN_JOBS_PER_KILL'] ?? 2800);
const CLIENTS = 16;
const WORKERS = 8;
const SECONDS_PER_KILL = 10;
/** How many lives end before the server listens. */
const YOUNG = 0.1;
/** At a start so many things happen in the directory. */
const CHANGES_AT_START = 12;

/** The largest payloads of these tests go to files. */
const keptIn = (directory: string): string[] => ['--data-dir', directory, '--spool-threshold-bytes=65536'];

/** Clients and workers of one life of the server. */
async function startLoad(port: number, book: JobBook, clients: number, keeps: () => boolean) {
  // One alone, so that it sees the order.
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
  const server = await gearmandOnFreePort(...keptIn(directory));
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

/** A life that ends while the journal is being opened, or hardly later. */
async function dieYoung(directory: string): Promise<void> {
  let changesLeft = 1 + Math.floor(Math.random() * CHANGES_AT_START);
  const server = gearmand(['--listen=127.0.0.1', '--port=0', ...keptIn(directory)]);
  const watcher = watch(directory, () => {
    if (--changesLeft === 0) server.signal('SIGKILL');
  });
  void server.ready.then(
    () => server.signal('SIGKILL'),
    () => {},
  );
  await server.ended;
  watcher.close();
  expect(errorsIn(server.stderr())).toEqual([]);
}

/** Lets workers run what is left, and returns what the server never had again. */
async function settle(directory: string, book: JobBook): Promise<number> {
  const server = await gearmandOnFreePort(...keptIn(directory));
  await using _workers = await startLoad(server.port, book, 0, () => false);
  const left = async (): Promise<string> => {
    const status = await ask({ port: server.port }, 'status');
    return status.replaceAll(/^\S+\t0\t0\t\d+\n/gm, '');
  };
  await expect.poll(left, { timeout: 120_000 }).toBe('.\n');
  return book.open;
}

test('no acknowledged job is lost, altered, or repeated without need, however often the server is killed', {
  timeout: 150_000 + KILLS * SECONDS_PER_KILL * 1000,
}, async () => {
  const directory = join(temporaryFolder(), 'jobs');
  mkdirSync(directory);
  const book = new JobBook(Math.random);
  const say = (kills: number, lost: number): void => {
    if (wanted === undefined) return;
    const { acknowledged, repeats, complaints } = book;
    const figures = { kills, acknowledged, lost, repeats, complaints: complaints.length };
    process.stdout.write(`torture: ${JSON.stringify(figures)}\n`);
  };
  for (let kill = 0; kill < KILLS; kill++) {
    await (kill > 0 && Math.random() < YOUNG ? dieYoung(directory) : liveAndDie(directory, book));
    expect(book.complaints).toEqual([]);
    say(kill + 1, 0);
  }
  const lost = await settle(directory, book);
  say(KILLS, lost);
  expect({ lost, complaints: book.complaints }).toEqual({ lost: 0, complaints: [] });
});

/** Lines of a log at the level at which something is wrong. */
function errorsIn(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && !line.includes(' NOTICE '));
}
