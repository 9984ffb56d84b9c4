import type { Packet, PacketType } from '@gearman/protocol';
import { leadingInteger } from '../decimal.ts';
import type { OwnDedupRules } from '../engine/dedup.ts';
import { HIGH, LOW, NORMAL, type Priority } from '../engine/job.ts';
import type { OwnRules } from '../engine/job-policy.ts';
import type { Session } from '../net/session.ts';
import type { Handler } from './handler.ts';
import { OWN_ERRORS, REFUSALS, storeRefusal } from './refusals.ts';

type PlainSubmit =
  | 'SUBMIT_JOB'
  | 'SUBMIT_JOB_BG'
  | 'SUBMIT_JOB_HIGH'
  | 'SUBMIT_JOB_HIGH_BG'
  | 'SUBMIT_JOB_LOW'
  | 'SUBMIT_JOB_LOW_BG';

function submitPlain(priority: Priority, background: boolean): Handler<PlainSubmit> {
  return (session, packet) => submit(session, packet, priority, background, 0, undefined);
}

function submitReduce(background: boolean): Handler<'SUBMIT_REDUCE_JOB' | 'SUBMIT_REDUCE_JOB_BACKGROUND'> {
  // An empty name is none: workers get the job as if it had been submitted without.
  return (session, packet) => submit(session, packet, NORMAL, background, 0, packet.reducer || undefined);
}

function submitEpoch(session: Session, packet: Packet<'SUBMIT_JOB_EPOCH'>): void {
  const seconds = leadingInteger(packet.epoch);
  // gearmand leaves the client waiting.
  if (seconds === undefined) session.sendError(OWN_ERRORS.badEpoch);
  else submit(session, packet, NORMAL, true, Math.max(0, seconds) * 1000, undefined);
}

export function submit(
  session: Session,
  {
    functionName,
    uniqueId,
    workload,
  }: Packet<
    | PlainSubmit
    | 'SUBMIT_JOB_EPOCH'
    | 'SUBMIT_REDUCE_JOB'
    | 'SUBMIT_REDUCE_JOB_BACKGROUND'
    | 'SUBMIT_JOB_WITH'
  >,
  priority: Priority,
  background: boolean,
  runAtMs: number,
  reducer: string | undefined,
  rules?: OwnRules,
  dedup?: OwnDedupRules,
): void {
  const { engine } = session.context;
  // A large payload has gone another way than its packet.
  const payload = session.payload ?? workload;
  if (payload instanceof Error) {
    session.sendError(storeRefusal(payload));
    return;
  }
  const submission = {
    ...{ functionName, uniqueId, workload: payload, priority, background, runAtMs, reducer, rules, dedup },
  };
  const before = engine.lastNumber;
  const job = engine.submit(session.peer, submission);
  if (typeof job === 'string') {
    session.sendRefusal(REFUSALS[job]);
    return;
  }
  const number = typeof job === 'number' ? job : job.number;
  // Only who asks knows the other answer.
  const type = dedup !== undefined && number <= before ? 'JOB_MERGED' : 'JOB_CREATED';
  const created = { type, magic: 'RES', handle: engine.handleOf({ number }) } as const;
  if (typeof job === 'number') {
    if (background) session.send(created);
    else session.recall(job);
    return;
  }
  const { commit } = job;
  // A client that waits for the result learns by itself that there will be none; only a promise has to be durable first.
  if (background && typeof commit === 'object') session.sendWhenStored(created, commit);
  else session.send(created);
  if (job.state === 'ended' && !background)
    engine.results.tell(session.peer.port, job.number, created.handle);
}

export const submitHandlers = {
  SUBMIT_JOB: submitPlain(NORMAL, false),
  SUBMIT_JOB_BG: submitPlain(NORMAL, true),
  SUBMIT_JOB_HIGH: submitPlain(HIGH, false),
  SUBMIT_JOB_HIGH_BG: submitPlain(HIGH, true),
  SUBMIT_JOB_LOW: submitPlain(LOW, false),
  SUBMIT_JOB_LOW_BG: submitPlain(LOW, true),
  SUBMIT_JOB_EPOCH: submitEpoch,
  SUBMIT_REDUCE_JOB: submitReduce(false),
  SUBMIT_REDUCE_JOB_BACKGROUND: submitReduce(true),
};

/** The packets of which jobs are made. */
export const SUBMIT_TYPES: readonly PacketType[] = [
  ...(Object.keys(submitHandlers) as (keyof typeof submitHandlers)[]),
  'SUBMIT_JOB_WITH',
];
