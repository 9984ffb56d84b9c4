import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** What `cat FILES | wc -w` says; undefined where there is no wc. */
export async function wordsByWc(files: readonly string[]): Promise<number | undefined> {
  const wc = spawn('wc', ['-w'], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const failed = once(wc, 'error').then(() => undefined);
  const counted = (async () => {
    const [output] = await Promise.all([
      readAll(wc.stdout),
      pipeline(async function* () {
        for (const file of files) yield* createReadStream(file);
      }, wc.stdin),
    ]);
    return Number(output.trim());
  })();
  // Without wc the pipeline into it breaks as well; the first reason is enough.
  counted.catch(() => {});
  return Promise.race([counted, failed]);
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.toString();
  return text;
}
