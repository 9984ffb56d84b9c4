import { encodeText, type Packet } from '@gearman/protocol';
import { keepPayload } from '../engine/payload.ts';
import { Schedule } from '../engine/schedule.ts';
import type { ScheduleRefusal } from '../engine/schedules.ts';
import type { Session } from '../net/session.ts';
import { PLAIN_RULES, parseRules, type ScheduleRules } from '../schedules/definition.ts';
import { wireCron } from '../schedules/wire-cron.ts';
import { agreed } from './extensions.ts';
import { OWN_ERRORS, REFUSALS, type Refusal } from './refusals.ts';

/** A problem quotes what the peer sent. */
const LONGEST_TEXT = 500;

/** The protocol's own: five fields, of which the last counts from Monday. */
function submitPlain(session: Session, packet: Packet<'SUBMIT_JOB_SCHED'>): void {
  const cron = wireCron(packet);
  if (cron === undefined) session.sendError(notASchedule('a field says no numbers'));
  else submit(session, packet, { ...PLAIN_RULES, cron });
}

function submitWithRules(session: Session, packet: Packet<'SUBMIT_SCHEDULE'>): void {
  const rules = parseRules(packet.options);
  if (typeof rules === 'string') session.sendError(notASchedule(rules));
  else submit(session, packet, rules);
}

function submit(
  session: Session,
  { functionName, uniqueId, workload }: Packet<'SUBMIT_JOB_SCHED' | 'SUBMIT_SCHEDULE'>,
  rules: ScheduleRules,
): void {
  const { schedules } = session.context.engine;
  const schedule = schedules.submit({ ...rules, functionName, uniqueId, payload: keepPayload(workload) });
  if (!(schedule instanceof Schedule)) {
    session.sendRefusal(toRefusal(schedule));
    return;
  }
  const created: Packet = { type: 'JOB_CREATED', magic: 'RES', handle: schedule.handle };
  const commit = schedules.commitOf(schedule);
  if (commit === undefined) session.send(created);
  else session.sendWhenStored(created, commit);
}

function toRefusal(refusal: ScheduleRefusal): Refusal {
  if (typeof refusal === 'object') return { error: notASchedule(refusal.problem) };
  if (refusal === 'schedule-too-large')
    return { error: OWN_ERRORS.scheduleTooLarge, limit: 'maxScheduleBytes' };
  if (refusal === 'too-many-schedules') return { error: OWN_ERRORS.tooManySchedules, limit: 'maxSchedules' };
  return REFUSALS[refusal];
}

function notASchedule(problem: string): Refusal['error'] {
  return { code: 'INVALID_ARGUMENT', text: encodeText(`Not a schedule: ${problem}`).slice(0, LONGEST_TEXT) };
}

export const scheduleHandlers = {
  SUBMIT_JOB_SCHED: submitPlain,
  SUBMIT_SCHEDULE: agreed('SUBMIT_SCHEDULE', 'x-schedule', submitWithRules),
};
