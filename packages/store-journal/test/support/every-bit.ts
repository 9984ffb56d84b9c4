import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { RecoveryReport } from '../../src/index.ts';
import { SEGMENT_BYTES } from './jobs.ts';
import { isSame, SmallJournal } from './small-journal.ts';

/** Every so many bits, and every so many places to cut at; 1 is all of them. */
const wanted = process.env['GEARMAN_EVERY_BIT'];
const BIT_STEP = Number(wanted ?? 997);
const CUT_STEP = Number(wanted ?? 211);
const HEADERS_END = 1024;
/** After so many the test runner hears that this process lives. */
const BREATH = 5000;
const TIMEOUT_MS = wanted === undefined ? 20_000 : 3_600_000;

const isReported = ({ missingRecords, wasCutOff, damagedSegments }: RecoveryReport): boolean =>
  missingRecords > 0 || wasCutOff || damagedSegments > 0;

async function tell(figures: Record<string, number>): Promise<void> {
  if (wanted !== undefined) process.stdout.write(`torture: ${JSON.stringify(figures)}\n`);
  await turn();
}

/** What must hold for any one bit that flips in a full segment, and wherever the segment is cut. */
export function describeEveryBit(where: string, hasNext: boolean): void {
  describe(`in ${where}`, () => {
    test('any flipped bit costs at most the record it stands in, and that is reported', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const journal = await SmallJournal.make(hasNext);
      const whole = journal.contentOf(() => true);
      const { records } = journal;
      const without = records.map((_, lost) => journal.contentOf((i) => i !== lost));
      expect(records.length).toBeGreaterThan(100);
      const figures = { flips: 0, cost: 0 };
      const say = () =>
        tell({ [`flips in ${where}`]: figures.flips, [`records lost in ${where}`]: figures.cost });
      let hit = 0;
      for (let bit = 0; bit < SEGMENT_BYTES * 8; bit += BIT_STEP) {
        const at = bit >> 3;
        while (hit + 1 < records.length && at >= (records[hit + 1]?.at ?? 0)) hit++;
        const found = await journal.openDamaged((bytes) => {
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
          return bytes;
        });
        figures.flips++;
        if (figures.flips % BREATH === 0) await say();
        if (isSame(found, whole)) continue;
        figures.cost++;
        const isInRecord = at >= HEADERS_END && at < (records[hit]?.end ?? 0);
        const expected = without[hit];
        const { report } = found;
        const isRight = isInRecord && expected !== undefined && isSame(found, expected) && isReported(report);
        if (!isRight) expect.fail(`bit ${bit}, in record ${hit}: ${JSON.stringify(report)}`);
      }
      await say();
      expect(figures.cost).toBeGreaterThan(figures.flips / 4);
    });

    test('a cut anywhere, with zeros behind it or nothing, leaves exactly the records before it', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const journal = await SmallJournal.make(hasNext);
      const { records } = journal;
      /** The journal with so many records of its first segment. */
      const contents = records.map((_, count) => journal.contentOf((i) => i < count || i >= records.length));
      const whole = journal.contentOf(() => true);
      let cuts = 0;
      for (let at = 0; at <= SEGMENT_BYTES; at += CUT_STEP) {
        const zeroed = records.filter(({ lastMeaning }) => lastMeaning <= at).length;
        const shortened = records.filter(({ end }) => end <= at).length;
        for (const [harm, count] of [
          [(bytes: Buffer) => bytes.fill(0, at), zeroed],
          [(bytes: Buffer) => bytes.subarray(0, at), shortened],
        ] as const) {
          const found = await journal.openDamaged(harm);
          const { report } = found;
          if (!isSame(found, contents[count] ?? whole))
            expect.fail(`cut at ${at}: not the first ${count} records`);
          // Without its header it is not known how many the first segment had.
          const isCounted = report.damagedSegments > 0 && report.missingRecords === records.length - count;
          if (hasNext && count < records.length && !isCounted && !(count === 0 && isReported(report)))
            expect.fail(`cut at ${at}: ${JSON.stringify(report)}`);
          if (++cuts % BREATH === 0) await tell({ [`cuts in ${where}`]: cuts });
        }
      }
      await tell({ [`cuts in ${where}`]: cuts });
    });
  });
}
