import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Simulation } from './simulation.ts';

const wanted = process.env['GEARMAN_SIMULATION_SEEDS'];
const SEEDS = Number(wanted ?? 300);
const STEPS = 600;
/** After so many seeds the test runner hears that this process lives. */
const BREATH = 100;

/** GEARMAN_SIMULATION_SEED repeats one. */
const first = Number(process.env['GEARMAN_SIMULATION_SEED'] ?? 1);
const count = process.env['GEARMAN_SIMULATION_SEED'] === undefined ? SEEDS : 1;

test('what was promised is kept through refusals, crashes, lost workers and time, for every seed', {
  timeout: 10_000 + SEEDS * 300,
}, async () => {
  const sum: Record<string, number> = {};
  for (let seed = first; seed < first + count; seed++) {
    const { problems, counts } = new Simulation(seed).run(STEPS);
    expect(problems, `GEARMAN_SIMULATION_SEED=${seed}`).toEqual([]);
    for (const [key, times] of Object.entries(counts)) sum[key] = (sum[key] ?? 0) + times;
    if (seed % BREATH !== 0 && seed !== first + count - 1) continue;
    if (wanted !== undefined) process.stdout.write(`torture: ${JSON.stringify({ seeds: seed, ...sum })}\n`);
    await turn();
  }
  // Everything has happened, and often.
  if (count > 1) for (const happened of Object.values(sum)) expect(happened).toBeGreaterThan(count / 2);
});
