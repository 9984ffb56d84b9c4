import { setImmediate as turn } from 'node:timers/promises';
import type { StoredJob } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { expect, test } from 'vitest';
import { batch, contentOf, job, journalOn, temporaryDirectory } from '../support/jobs.ts';
import { diskError, MemoryDisk } from '../support/memory-disk.ts';
import { imageAfterCut, randomFrom } from '../support/power-cut.ts';

const wanted = process.env['GEARMAN_FAILING_DISKS'];
const SEEDS = Number(wanted ?? 25);
/** Repeats one. */
const SEED = process.env['GEARMAN_FAILING_DISK'];
const TURNS = 60;
const OPTIONS = { largePayloadBytes: 3000 };
const CODES = ['EIO', 'ENOSPC', 'EMFILE', 'EACCES'];

/** What somebody who uses the store knows. */
interface Known {
  /** Accepted and not ended. */
  readonly live: Map<number, StoredJob>;
  /** Accepted or not, and ended: whatever became of them, nobody minds. */
  readonly ended: Set<number>;
  readonly refused: Set<number>;
}

function problemsOf(jobs: readonly StoredJob[], { live, ended, refused }: Known): string[] {
  const found = new Map(jobs.map((each) => [each.number, each]));
  const problems: string[] = [];
  for (const [number, wanted] of live) {
    const there = found.get(number);
    if (there === undefined) problems.push(`job ${number} is lost`);
    else if (Buffer.compare(there.payload, wanted.payload) !== 0 || there.uniqueId !== wanted.uniqueId)
      problems.push(`job ${number} is altered`);
  }
  for (const number of found.keys()) {
    if (ended.has(number)) problems.push(`job ${number} is over, and is there`);
    if (refused.has(number)) problems.push(`job ${number} was refused, and is there`);
  }
  return problems;
}

/** A store on a disk on which anything may fail at any time, for a while; returns what is wrong then. */
async function play(seed: number): Promise<string[]> {
  using directory = temporaryDirectory();
  const random = randomFrom(seed);
  const clock = new FakeClock();
  const disk = new MemoryDisk();
  const journal = journalOn(disk, directory.path, { ...OPTIONS, clock });
  await journal.open();
  const known: Known = { live: new Map(), ended: new Set(), refused: new Set() };
  let chance = 0;
  disk.fault = (operation) => {
    if (random() < chance) throw diskError(CODES[Math.floor(random() * CODES.length)] ?? operation);
  };
  let number = 0;
  for (let i = 0; i <= TURNS; i++) {
    // In the end all is well again.
    if (i === TURNS) chance = 0;
    else if (random() < 0.2) chance = random() < 0.5 ? 0 : random() ** 2;
    clock.advance(300);
    const puts = Array.from({ length: 1 + Math.floor(random() * 5) }, () => {
      return job(++number, { payload: Buffer.alloc(Math.floor(random() ** 3 * 5000), i) });
    });
    const dones = [...known.live.keys()].filter(() => random() < 0.2);
    const { refused } = await journal.commit(batch({ puts, dones }));
    for (const put of puts) {
      if (refused === undefined) known.live.set(put.number, put);
      else known.refused.add(put.number);
    }
    for (const done of dones) {
      known.live.delete(done);
      known.ended.add(done);
    }
    if (i === TURNS && refused !== undefined)
      return [`not accepted although all is well: ${refused.message}`];
  }
  const image = imageAfterCut(disk.operations, disk.operations.length, random);
  await journal.close();
  const problems: string[] = [];
  for (const there of [image, disk]) {
    const again = journalOn(there, directory.path, OPTIONS);
    const { jobs } = await contentOf(again);
    await again.close();
    const when = there === image ? 'after a power cut ' : '';
    problems.push(...problemsOf(jobs, known).map((problem) => when + problem));
  }
  return problems;
}

test(`what was acknowledged is kept on ${SEEDS} disks that fail again and again`, {
  timeout: 20_000 + SEEDS * 1000,
}, async () => {
  const seeds = SEED === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(SEED)];
  for (const seed of seeds) {
    expect(await play(seed), `GEARMAN_FAILING_DISK=${seed}`).toEqual([]);
    if (wanted !== undefined) process.stdout.write(`torture: ${JSON.stringify({ disks: seed })}\n`);
    await turn();
  }
});
