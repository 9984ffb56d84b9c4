import { expect, test } from 'vitest';
import { Simulation } from './simulation.ts';

const SEEDS = Number(process.env['GEARMAN_SIMULATION_SEEDS'] ?? 300);
const STEPS = 600;

/** GEARMAN_SIMULATION_SEED repeats one. */
const first = Number(process.env['GEARMAN_SIMULATION_SEED'] ?? 1);
const count = process.env['GEARMAN_SIMULATION_SEED'] === undefined ? SEEDS : 1;

test('what was promised is kept through refusals, crashes, lost workers and time, for every seed', {
  timeout: 10_000 + SEEDS * 100,
}, () => {
  const sum: Record<string, number> = {};
  for (let seed = first; seed < first + count; seed++) {
    const { problems, counts } = new Simulation(seed).run(STEPS);
    expect(problems, `GEARMAN_SIMULATION_SEED=${seed}`).toEqual([]);
    for (const [key, times] of Object.entries(counts)) sum[key] = (sum[key] ?? 0) + times;
  }
  // Everything has happened, and often.
  if (count > 1) for (const happened of Object.values(sum)) expect(happened).toBeGreaterThan(count);
});
