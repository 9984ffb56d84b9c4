import type { Engine } from '../engine/engine.ts';
import { HIGH, isAbandoned, type Job, LOW, NORMAL } from '../engine/job.ts';
import type { ServerContext } from '../net/server-context.ts';
import type { Listing } from '../net/session.ts';
import type { StoredJob } from '../store/store.ts';
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
export function listJobs(context: ListedServer): Listing {
  const { handlePrefix } = context.engine;
  const line = (number: number, retries: number, abandoned: 0 | 1, stored: 0 | 1): string =>
    `${handlePrefix}${number}\t${retries}\t${abandoned}\t${stored}\n`;
  return list(
    context,
    (job) => line(job.number, job.retries, isAbandoned(job) ? 1 : 0, job.background ? 1 : 0),
    ({ number, attempts }) => line(number, attempts, 0, 1),
  );
}

/** One unique id per line, empty ones too. */
export function listUniqueJobs(context: ListedServer): Listing {
  const line = ({ uniqueId }: Job | StoredJob): string => `${escapeLine(uniqueId)}\n`;
  return list(context, line, line);
}

/** What listings need of a server. */
type ListedServer = Pick<ServerContext, 'engine' | 'readStored'>;

/** All jobs, oldest first. What is said of those that are parked is in the store: it is read page by page. */
function* list(
  { engine, readStored }: ListedServer,
  ofJob: (job: Job) => string,
  ofParked: (job: StoredJob) => string,
): Generator<string | Promise<void>> {
  for (const { jobs, parked } of engine.pages()) {
    let stored: readonly StoredJob[] = [];
    if (parked.length > 0) {
      yield readStored(parked).then((found) => {
        stored = found;
      });
    }
    let next = 0;
    for (const job of jobs) {
      for (let other = stored[next]; other !== undefined && other.number < job.number; other = stored[++next])
        yield ofParked(other);
      if (job.state !== 'cancelled' && job.state !== 'ended') yield ofJob(job);
    }
    for (; next < stored.length; next++) {
      const other = stored[next];
      if (other !== undefined) yield ofParked(other);
    }
  }
  yield END;
}
