import type { Engine } from '../engine/engine.ts';
import { HIGH, isAbandoned, LOW, NORMAL } from '../engine/job.ts';
import { escapeLine, escapeName } from './escape.ts';

const END = '.\n';

/** `FUNCTION TOTAL RUNNING WORKERS` */
export function* listStatus(engine: Engine): Generator<string> {
  for (const fn of engine.functions()) {
    yield `${escapeName(fn.name)}\t${fn.total}\t${fn.running}\t${fn.registrationCount}\n`;
  }
  yield END;
}

/** `FUNCTION HIGH NORMAL LOW WORKERS`: only jobs that no worker has. */
export function* listPriorityStatus(engine: Engine): Generator<string> {
  for (const fn of engine.functions()) {
    const counts = `${fn.waiting(HIGH)}\t${fn.waiting(NORMAL)}\t${fn.waiting(LOW)}`;
    yield `${escapeName(fn.name)}\t${counts}\t${fn.registrationCount}\n`;
  }
  yield END;
}

/** `ID ADDRESS CLIENT-ID : FUNCTION…`, functions newest first. The id is ours: Node does not tell descriptors. */
export function* listWorkers(engine: Engine): Generator<string> {
  for (const peer of engine.peers) {
    yield `${peer.id} ${peer.address} ${escapeName(peer.clientId, true)} :`;
    for (const registration of peer.newestFirst()) yield ` ${escapeName(registration.fn.name, true)}`;
    yield '\n';
  }
  yield END;
}

/** `HANDLE RETRIES ABANDONED STORED` */
export function* listJobs(engine: Engine): Generator<string> {
  for (const job of engine.jobs()) {
    yield `${engine.handleOf(job)}\t${job.retries}\t${isAbandoned(job) ? 1 : 0}\t${job.background ? 1 : 0}\n`;
  }
  yield END;
}

/** One unique id per line, empty ones too. */
export function* listUniqueJobs(engine: Engine): Generator<string> {
  for (const job of engine.jobs()) yield `${escapeLine(job.uniqueId)}\n`;
  yield END;
}
