import { parseSignalOptions, type SignalOptions, type StopOptions } from './call-options.ts';

/** What is stopped by a signal. */
export interface Stoppable {
  stop(options?: StopOptions): Promise<unknown>;
  once(type: 'stop', listener: () => void): unknown;
  off(type: 'stop', listener: () => void): unknown;
}

/**
 * Stops `target` on the first of `signals`. The process then ends by itself, with code 0 if nothing else keeps it; a
 * second signal ends it at once, as if nobody listened.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`
 */
export function stopOnSignals(
  target: Stoppable,
  signals: readonly NodeJS.Signals[],
  options: SignalOptions,
): Disposable {
  const { parent, stop: how } = parseSignalOptions(options);
  // stop() rejects only for wrong options, which have been checked.
  const stop = (): void => void target.stop(how);
  const forgetSignals = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (): void => {
    forgetSignals();
    stop();
  };
  for (const signal of signals) process.on(signal, onSignal);
  // A signal to a whole group ends the parent, too, and may be heard after that: it is still the first.
  const forgetParent = parent ? onceParentGone(target, stop) : () => {};
  return {
    [Symbol.dispose]: () => {
      forgetSignals();
      forgetParent();
    },
  };
}

/** Listening keeps the process alive: when the target has stopped there is nothing to listen for. */
function onceParentGone(target: Stoppable, stop: () => void): () => void {
  if (!process.connected) return () => {};
  const forget = (): void => {
    process.off('disconnect', stop);
    target.off('stop', forget);
  };
  process.once('disconnect', stop);
  target.once('stop', forget);
  return forget;
}
