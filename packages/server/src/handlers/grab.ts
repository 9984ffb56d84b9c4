import type { Packet } from '@gearman/protocol';
import type { Job } from '../engine/job.ts';
import { payloadBytes } from '../engine/payload.ts';
import { PayloadFile } from '../engine/payload-file.ts';
import type { Session } from '../net/session.ts';

const NO_JOB: Packet = { type: 'NO_JOB', magic: 'RES' };

function grab(session: Session, assign: (session: Session, job: Job) => void): void {
  const job = session.context.engine.grab(session.peer);
  if (job === undefined) session.send(NO_JOB);
  else assign(session, job);
}

type Assignment = Packet<'JOB_ASSIGN' | 'JOB_ASSIGN_UNIQ' | 'JOB_ASSIGN_ALL'>;

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

export const grabHandlers = {
  GRAB_JOB: (session: Session) => grab(session, assignPlain),
  GRAB_JOB_UNIQ: (session: Session) => grab(session, assignUnique),
  GRAB_JOB_ALL: (session: Session) => grab(session, assignAll),
  PRE_SLEEP: (session: Session) => session.context.engine.preSleep(session.peer),
};
