import type { StopOptions } from './call-options.ts';

/** What is stopped by a signal. */
export interface Stoppable {
  stop(options?: StopOptions): Promise<unknown>;
}

/**
 * Stops `target` on the first of `signals`. The process then ends by itself, with code 0 if nothing else keeps it; a
 * second signal ends it at once, as if nobody listened.
 */
export function stopOnSignals(
  target: Stoppable,
  signals: readonly NodeJS.Signals[],
  options: StopOptions,
): Disposable {
  const forget = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (): void => {
    forget();
    // stop() rejects only for wrong options, which have been checked.
    void target.stop(options);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return { [Symbol.dispose]: forget };
}
