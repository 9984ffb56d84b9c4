import { Cron } from 'croner';

/** When something recurs: instants on whole seconds, in milliseconds since 1970. */
export interface Timetable {
  /** The first instant after a moment; undefined when there is none any more. */
  next(afterMs: number): number | undefined;
  /** The last `most` instants up to a moment, the newest first. */
  latest(untilMs: number, most: number): number[];
}

/** What a {@link Timetable} is made of. */
export interface TimetableSource {
  /** Five fields, or six with the seconds in front. */
  readonly cron: string;
  /** IANA name; undefined: that of the server. */
  readonly timeZone: string | undefined;
}

/** Longest cron line: every minute of the hour by its number, and as much again. */
export const MAX_CRON_BYTES = 400;
/** A parsed line takes 80 KB, most of it for the years, so only these are kept; parsing takes 0.2 ms. */
const MOST_PARSED = 100;

/**
 * Reads cron lines, with croner.
 *
 * Around a change of the clocks it goes by Vixie cron: a line that names its minutes and hours runs once, at the first
 * moment after the gap when its time is skipped, and the first time when its time comes twice. A line with `*` or a
 * step in them counts minutes, whatever the clock is called.
 */
export class Timetables {
  /** The zone in which lines without one are read. */
  readonly timeZone: string;
  readonly #parsed = new Map<string, Cron>();

  /** @param timeZone IANA name for lines without one; undefined: that of the process */
  constructor(timeZone: string | undefined) {
    this.timeZone = timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
  }

  /** @returns what is wrong with it, or undefined */
  problemWith({ cron, timeZone }: TimetableSource): string | undefined {
    if (cron.length > MAX_CRON_BYTES) return `a cron line has at most ${MAX_CRON_BYTES} bytes`;
    const fields = cron.trim().split(/\s+/).length;
    if (!cron.startsWith('@') && fields !== 5 && fields !== 6) {
      return `"${cron}" is not a cron line: expected five fields, or six with the seconds in front`;
    }
    if (timeZone !== undefined && !isTimeZone(timeZone)) return `"${timeZone}" is not a time zone`;
    try {
      this.#cron(cron, timeZone);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** The timetable of a line that {@link problemWith} has nothing to say about. */
  of({ cron, timeZone }: TimetableSource): Timetable {
    return {
      next: (afterMs) => this.#cron(cron, timeZone).nextRun(new Date(afterMs))?.getTime(),
      latest: (untilMs, most) =>
        // Its runs lie before the moment that it is given, which it rounds down to a second.
        this.#cron(cron, timeZone)
          .previousRuns(most, new Date(Math.floor(untilMs / 1000) * 1000 + 1000))
          .map((run) => run.getTime()),
    };
  }

  #cron(cron: string, timeZone = this.timeZone): Cron {
    const key = `${timeZone}\n${cron}`;
    let parsed = this.#parsed.get(key);
    if (parsed === undefined) {
      const [longestUnused] = this.#parsed.keys();
      if (this.#parsed.size >= MOST_PARSED && longestUnused !== undefined) this.#parsed.delete(longestUnused);
      parsed = parse(cron, timeZone);
    } else {
      this.#parsed.delete(key);
    }
    this.#parsed.set(key, parsed);
    return parsed;
  }
}

/** True for a time zone that this process knows. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** @throws when it is no cron line */
function parse(cron: string, timezone: string): Cron {
  // An offset needs no calendar of the system, which makes a run up to eight times as fast to find.
  const zone = timezone === 'UTC' ? { utcOffset: 0 } : { timezone };
  return new Cron(cron, { ...zone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' });
}
