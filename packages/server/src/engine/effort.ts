/**
 * Counts what commands cost beyond the usual: steps along lists that a peer can make long, such as its functions or the
 * clients of its job. Whoever calls the engine can so make each peer pay for its own commands.
 */
export class Effort {
  /** Since the start; a step takes some ten nanoseconds. */
  steps = 0;
}
