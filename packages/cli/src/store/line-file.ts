import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readLines, withoutLineFeed } from '../byte-lines.ts';
import { messageOf } from '../commands/exit-code.ts';
import { type LinesHead, readHead, readLine } from './job-lines.ts';
import { type Entry, fingerprintOf, type JobSource, sourceError } from './job-source.ts';

/** The largest payload that a server may be told to take, in base64, still fits. */
const MAX_LINE_BYTES = 256 * 0x10_0000;

/** Opens a file of jobs as `gearmand store export` writes it. @throws FatalError when it is none */
export async function openLineFile(path: string): Promise<JobSource> {
  const { lastNumber, from } = await headOf(path);
  return {
    name: from === '' ? path : `${path} (from ${from})`,
    fingerprint: await fingerprintOf([path]),
    lastNumber,
    entries: () => entriesOf(path),
    close: async () => {},
  };
}

/** The same for standard input, which is kept in a file meanwhile: it has to be read twice. */
export async function openLineInput(input: NodeJS.ReadableStream): Promise<JobSource> {
  const folder = await mkdtemp(join(tmpdir(), 'gearman-import-'));
  const path = join(folder, 'lines');
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await pipeline(input, createWriteStream(path, { mode: 0o600 }));
    return { ...(await openLineFile(path)), name: 'standard input', close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function headOf(path: string): Promise<LinesHead> {
  try {
    for await (const { text } of linesOf(path)) return readHead(text);
  } catch (error) {
    throw sourceError(`${path} holds no exported jobs: its first line ${messageOf(error)}`, error);
  }
  throw sourceError(`${path} holds no exported jobs: it is empty`);
}

async function* entriesOf(path: string): AsyncGenerator<Entry, void> {
  let isOver = false;
  let last = 0;
  for await (const { number, text } of linesOf(path)) {
    last = number;
    if (number === 1 || text === '') continue;
    const where = `line ${number}`;
    if (isOver) {
      yield { is: 'problem', where, text: 'stands behind the line that says that nothing follows' };
      continue;
    }
    try {
      const found = readLine(text);
      if (found.is === 'end') isOver = true;
      else yield found;
    } catch (error) {
      yield { is: 'problem', where, text: messageOf(error) };
    }
  }
  if (!isOver) {
    const text = 'is the last one, and does not say that it is: the file was cut off';
    yield { is: 'problem', where: `line ${last}`, text };
  }
}

async function* linesOf(
  path: string,
): AsyncGenerator<{ readonly number: number; readonly text: string }, void> {
  let number = 0;
  for await (const line of readLines(createReadStream(path), MAX_LINE_BYTES)) {
    number++;
    yield { number, text: Buffer.from(withoutLineFeed(line)).toString().trim() };
  }
}
