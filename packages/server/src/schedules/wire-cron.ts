/** The five fields of a SUBMIT_JOB_SCHED. */
export interface WireFields {
  readonly minute: string;
  readonly hour: string;
  readonly dayOfMonth: string;
  readonly month: string;
  /** 0 is Monday, unlike in cron. */
  readonly dayOfWeek: string;
}

const DAYS = 7;
const DAY_TERM = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/;

/**
 * The cron line that the fields of a SUBMIT_JOB_SCHED say. An empty or blank field is `*`.
 *
 * @returns undefined when a field cannot be part of a cron line
 */
export function wireCron({ minute, hour, dayOfMonth, month, dayOfWeek }: WireFields): string | undefined {
  const fields = [minute, hour, dayOfMonth, month].map((field) => field.trim() || '*');
  const day = cronDays(dayOfWeek.trim() || '*');
  if (day === undefined) return undefined;
  return fields.some((field) => /\s/.test(field)) ? undefined : [...fields, day].join(' ');
}

/** Days counted from Monday, as cron counts them, from Sunday. */
function cronDays(field: string): string | undefined {
  // Names are the same in both.
  if (/^[a-z,-]+$/i.test(field)) return field;
  const days = new Set<number>();
  for (const term of field.split(',')) {
    const [match, first = '0', last, step = '1'] = DAY_TERM.exec(term) ?? [];
    if (match === undefined) return undefined;
    // `*` and a number with a step go on to the end of the week.
    const isOpen = term.startsWith('*');
    const to = isOpen ? DAYS - 1 : Number(last ?? first);
    if (to >= DAYS || Number(first) > to || Number(step) === 0) return undefined;
    for (let day = Number(first); day <= to; day += Number(step)) days.add((day + 1) % DAYS);
  }
  return days.size === DAYS ? '*' : [...days].sort((a, b) => a - b).join(',');
}
