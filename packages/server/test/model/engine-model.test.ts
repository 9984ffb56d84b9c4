import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scenarios } from './commands.ts';
import { measureCosts, playScenario, type Tally } from './run.ts';

// More: GEARMAN_MODEL_RUNS=50000. The failing case again: GEARMAN_MODEL_SEED=<seed in the message>.
const wanted = process.env['GEARMAN_MODEL_RUNS'];
const numRuns = Number(wanted ?? 2000);
const seed = Number(process.env['GEARMAN_MODEL_SEED'] ?? Date.now() % 0x7fff_ffff);
/** A slow machine does fewer, unless it was told how many. */
const timeLimitMs = wanted === undefined ? 4000 : 0x7fff_ffff;
const FEW_RUNS = 1000;
const STEPS = 50;

/** What happens in any thousand runs; one that never meets a refusal or a lost worker would prove little. */
const COMMON = [
  'can-do: refused',
  'cancel: done',
  'cancel: unknown',
  'complete',
  'create-function: refused',
  'drop-function: dropped',
  'drop-function: has-jobs',
  'drop-function: in-use',
  'ended abandoned',
  'ended cancelled',
  'ended complete',
  'ended exception',
  'ended expired',
  'ended expired dead',
  'ended fail',
  'ended fail dead',
  'ended retries-used-up',
  'ended retries-used-up dead',
  'ended stream-broken',
  'fail',
  'grab: H:…',
  'grab: no job',
  'noop',
  'requeue-dead: not dead',
  'requeued function-withdrawn',
  'requeued fail',
  'requeued released',
  'requeued worker-lost',
  'submit-epoch: H:…',
  'submit: memory-full',
  'submit: queue-full',
  'submit: reducer-too-large',
  'submit: shutting-down',
  'submit: too-many-functions',
  'submit: too-many-jobs',
  'submit: unique-in-stream',
  'submit: unique-too-large',
  'work: done',
  'work: not found',
];

/** What happens some five times in a thousand runs, and so in some thousands for certain. */
const RARE = [
  'delete-dead: done',
  'exception',
  'requeue-dead: done',
  'requeued exception',
  'requeued timeout',
];
const MANY_RUNS = 4000;

describe('Engine', () => {
  const costs = measureCosts();

  it('does what the model does, whatever happens in whatever order', {
    timeout: 60_000 + numRuns * 50,
  }, () => {
    const tally: Tally = { runs: 0, steps: 0, met: new Map() };
    fc.assert(
      fc.property(scenarios(STEPS), (scenario) => playScenario(scenario, costs, tally)),
      { seed, numRuns, interruptAfterTimeLimit: timeLimitMs, markInterruptAsFailure: false },
    );
    const { runs, steps, met } = tally;
    if (wanted !== undefined)
      console.info(`seed ${seed}: ${runs} runs, ${steps} steps`, Object.fromEntries(met));
    if (runs >= FEW_RUNS) expect([...met.keys()]).toEqual(expect.arrayContaining(COMMON));
    if (runs >= MANY_RUNS) expect([...met.keys()]).toEqual(expect.arrayContaining(RARE));
  });
});
