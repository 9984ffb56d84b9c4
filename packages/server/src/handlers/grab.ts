import { decodeText, encodeOptions, type Packet } from '@gearman/protocol';
import type { Job } from '../engine/job.ts';
import { payloadBytes } from '../engine/payload.ts';
import { PayloadFile } from '../engine/payload-file.ts';
import type { Session } from '../net/session.ts';

const NO_JOB: Packet = { type: 'NO_JOB', magic: 'RES' };

function grab(session: Session, assign: (session: Session, job: Job) => void): void {
  const job = session.context.engine.grab(session.peer);
  if (job === undefined) session.send(NO_JOB);
  else if ((job.policy !== undefined || job.retries > 0) && session.extensions.has('x-attempts'))
    assignWith(session, job);
  else assign(session, job);
}

type Assignment = Packet<'JOB_ASSIGN' | 'JOB_ASSIGN_UNIQ' | 'JOB_ASSIGN_ALL' | 'JOB_ASSIGN_WITH'>;

function send(session: Session, { payload }: Job, packet: Assignment): void {
  if (payload instanceof PayloadFile) session.sendJobInFile(packet, payload);
  else session.send(packet);
}

function assignPlain(session: Session, job: Job): void {
  send(session, job, {
    type: 'JOB_ASSIGN',
    magic: 'RES',
    handle: session.context.engine.handleOf(job),
    functionName: job.fn.name,
    workload: payloadBytes(job.payload),
  });
}

function assignUnique(session: Session, job: Job): void {
  send(session, job, {
    type: 'JOB_ASSIGN_UNIQ',
    magic: 'RES',
    handle: session.context.engine.handleOf(job),
    functionName: job.fn.name,
    uniqueId: job.uniqueId,
    workload: payloadBytes(job.payload),
  });
}

/** Without a reducer gearmand, too, answers as if the unique id had been asked for. */
function assignAll(session: Session, job: Job): void {
  const { reducer } = job;
  if (reducer === undefined) {
    assignUnique(session, job);
    return;
  }
  send(session, job, {
    type: 'JOB_ASSIGN_ALL',
    magic: 'RES',
    handle: session.context.engine.handleOf(job),
    functionName: job.fn.name,
    uniqueId: job.uniqueId,
    reducer,
    workload: payloadBytes(job.payload),
  });
}

/** With what is known of the attempt, for workers that asked for it. */
function assignWith(session: Session, job: Job): void {
  send(session, job, {
    type: 'JOB_ASSIGN_WITH',
    magic: 'RES',
    handle: session.context.engine.handleOf(job),
    functionName: job.fn.name,
    uniqueId: job.uniqueId,
    reducer: job.reducer ?? '',
    options: encodeAttempt(job),
    workload: payloadBytes(job.payload),
  });
}

/** Text of a dead letter is cut, so that the options always fit into an argument. */
const MOST_TEXT = 500;

function encodeAttempt({ policy, retries }: Job): string {
  const { rules, origin } = policy ?? {};
  const letter = origin && {
    ...origin,
    functionName: decodeText(origin.functionName).slice(0, MOST_TEXT),
    detail: decodeText(origin.detail).slice(0, MOST_TEXT),
  };
  return encodeOptions({
    attempt: retries + 1,
    maxAttempts: rules?.retry?.attempts,
    deadlineMs: rules?.deadlineMs,
    deadLetter: letter,
  });
}

export const grabHandlers = {
  GRAB_JOB: (session: Session) => grab(session, assignPlain),
  GRAB_JOB_UNIQ: (session: Session) => grab(session, assignUnique),
  GRAB_JOB_ALL: (session: Session) => grab(session, assignAll),
  PRE_SLEEP: (session: Session) => session.context.engine.preSleep(session.peer),
};
