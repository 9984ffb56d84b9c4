import { describe, expect, test } from 'vitest';
import { INTENDED_DIFFERENCES, NOT_PLAYED } from '../support/intended-differences.ts';
import { replay } from '../support/replay.ts';
import { readSamples } from '../support/samples.ts';

const intended = Object.assign({}, ...INTENDED_DIFFERENCES.map(({ ours }) => ours)) as Record<string, string>;
const NOTHING = '""';
const samples = readSamples();

/** Samples that show a defect of gearmand are for clients: a server should not do the same. */
const comparable = samples.filter(({ name, isDefect }) => !isDefect && NOT_PLAYED[name] === undefined);

describe('recordings of gearmand, played to our server', () => {
  test.each(comparable)('$name is answered in the same way, or as intended', async (sample) => {
    const differences = await replay(sample, (seq) => intended[`${sample.name}#${seq}`] === NOTHING);
    const ours = [...differences].map(([seq, difference]) => [`${sample.name}#${seq}`, difference.ours]);
    const expected = Object.entries(intended).filter(([key]) => key.startsWith(`${sample.name}#`));
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(expected));
  });

  test('the list of intended differences names only frames that are there', () => {
    const frames = new Set(comparable.flatMap(({ name, steps }) => steps.map(({ seq }) => `${name}#${seq}`)));
    expect(Object.keys(intended).filter((key) => !frames.has(key))).toEqual([]);
    expect(Object.keys(NOT_PLAYED).filter((name) => !samples.some((sample) => sample.name === name))).toEqual(
      [],
    );
  });
});
