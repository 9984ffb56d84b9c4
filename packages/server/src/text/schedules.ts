import type { Engine } from '../engine/engine.ts';
import { escapeLine, escapeName } from './escape.ts';

const END = '.\n';
const NONE = '-';

/** `HANDLE FUNCTION CRON ZONE NEXT LAST STATE RUNS UNIQUE`; times as ISO 8601, `-` for none. */
export function* listSchedules({ schedules }: Engine): Generator<string> {
  for (const { handle, definition, progress, nextMs } of schedules.values()) {
    const { functionName, cron, timeZone = schedules.timeZone, uniqueId } = definition;
    const { paused, lastRunMs, runs } = progress;
    yield `${[
      handle,
      escapeName(functionName),
      escapeName(cron),
      timeZone,
      toTime(paused ? undefined : nextMs),
      toTime(lastRunMs || undefined),
      paused ? 'paused' : 'active',
      runs,
      escapeName(uniqueId),
    ].join('\t')}\n`;
  }
  yield END;
}

/** One function per line. */
export function* listPaused(engine: Engine): Generator<string> {
  for (const fn of engine.functions()) if (fn.paused) yield `${escapeLine(fn.name)}\n`;
  yield END;
}

function toTime(ms: number | undefined): string {
  return ms === undefined ? NONE : new Date(ms).toISOString();
}
