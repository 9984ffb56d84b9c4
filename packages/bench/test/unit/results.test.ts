import { describe, expect, test } from 'vitest';
import type { Cell, Sample } from '../../src/run/cell.ts';
import { chartOf } from '../../src/run/chart.ts';
import { decode, histogramOf } from '../../src/run/latency.ts';
import { goalText, headRoomText } from '../../src/run/print.ts';
import { type Runs, resultOf } from '../../src/run/results.ts';

const runs = (name: string, values: readonly number[], more: Omit<Sample, 'value'> = {}): Runs => ({
  contender: { name, measure: () => Promise.reject(new Error('is not measured here')) },
  samples: values.map((value) => ({ value, ...more })),
});

const cell = (more: Partial<Cell> = {}): Cell => ({
  name: 'submits',
  unit: 'jobs/s',
  better: 'higher',
  contenders: [],
  ...more,
});

describe('resultOf', () => {
  test('takes ratios to the better setting of gearmand, round by round', () => {
    const { baseline, contenders } = resultOf(cell(), [
      runs('ours', [200, 300, 100]),
      runs('gearmand -t 0', [100, 100, 100]),
      runs('gearmand -t 4', [90, 95, 400]),
    ]);
    expect(baseline).toBe('gearmand -t 0');
    expect(contenders.map(({ ratio }) => ratio)).toEqual([
      { median: 2, min: 1, max: 3 },
      undefined,
      { median: 0.95, min: 0.9, max: 4 },
    ]);
  });

  test('holds the lowest for the better one where less is better', () => {
    const { baseline } = resultOf(cell({ better: 'lower' }), [
      runs('ours', [1]),
      runs('gearmand -t 0', [20]),
      runs('gearmand -t 4', [10]),
    ]);
    expect(baseline).toBe('gearmand -t 4');
  });

  test('says whether a goal is met, and by how much it is missed', () => {
    const goals = [
      { title: 'fast', figure: 'value', against: 'gearmand', atLeast: 1.8 },
      { title: 'cheap', figure: 'serverUs', against: 'gearmand', atMost: 0.5 },
    ] as const;
    const { goals: reached } = resultOf(cell({ goals }), [
      runs('ours', [180], { serverUs: 1 }),
      runs('gearmand -t 0', [100], { serverUs: 1.6 }),
      runs('gearmand -t 4', [50], { serverUs: 1 }),
    ]);
    expect(reached.map(goalText)).toEqual([
      "goal ≥ 1.8 × gearmand's figure: 1.8 × (1.8 to 1.8), met",
      "goal ≤ 0.5 × gearmand's processor time: 1 × (1 to 1), missed by 100 %",
    ]);
  });

  test('keeps who failed without a figure, and takes no ratio to them', () => {
    const failed: Runs = { ...runs('gearmand -t 0', []), failure: 'it fell over' };
    const { baseline, contenders } = resultOf(cell(), [runs('ours', [1]), failed]);
    expect(baseline).toBeUndefined();
    expect(contenders.map(({ ratio, failure }) => [ratio, failure])).toEqual([
      [undefined, undefined],
      [undefined, 'it fell over'],
    ]);
  });

  test('puts the latencies of all rounds into one histogram', () => {
    const latencies = [
      [1000, 98],
      [2_000_000, 2],
    ] as const;
    const [ours] = resultOf(cell(), [runs('ours', [1, 1], { latencies })]).contenders;
    expect(ours?.percentiles?.p50Us).toBeCloseTo(1, 1);
    expect(ours?.percentiles?.p99Us).toBeCloseTo(2000, -1);
    expect(decode(ours?.histogram ?? '').totalCount).toBe(200);
  });
});

test('histogramOf counts what took no time as a nanosecond', () => {
  expect(histogramOf([[[0, 3]]]).totalCount).toBe(3);
});

test('headRoomText names a generator that was the limit', () => {
  const mode = {
    name: 'submit',
    title: 'Submits',
    axis: undefined,
    cells: [
      resultOf(cell(), [
        runs('ours', [1], { generatorShare: 0.97 }),
        runs('gearmand', [1], { generatorShare: 0.3 }),
      ]),
    ],
  };
  expect(headRoomText(mode)).toContain('GENERATOR AT ITS LIMIT: submits, ours: 97 %');
});

test('chartOf draws a bar for each contender, and leaves out who failed', () => {
  const failed: Runs = { ...runs('beanstalkd', []), failure: 'it fell over' };
  const cells = [resultOf(cell(), [runs('ours', [300]), runs('gearmand -t 0', [100]), failed])];
  const svg = chartOf({ name: 'submit', title: 'Submits & more', axis: undefined, cells });
  expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
  expect(svg).toContain('Submits &amp; more');
  expect(svg).toContain('>3</text>');
});
