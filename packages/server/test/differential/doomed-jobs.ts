import type { JobEntry } from './ledger.ts';
import { priorityOf } from './ledger.ts';
import {
  type Action,
  differingNoops,
  firstDifference,
  GO_ON,
  type Outcome,
  rewrite,
  type Scene,
  type Verdict,
} from './outcome.ts';

/** Jobs that gearmand still has although they have ended for everybody, and ours therefore does not have. */
async function findLingering(scene: Scene): Promise<JobEntry[]> {
  const lingering = scene.ledger.doomed().filter((job) => job.cancelled || job.worker === undefined);
  if (lingering.length === 0) return [];
  const listed = await scene.list('theirs', 'show jobs');
  for (const job of lingering) {
    const isThere = listed.some((line) => line.startsWith(`"${job.name}\\t`));
    // A worker came upon it.
    if (!isThere) job.ended = true;
  }
  return lingering.filter((job) => !job.ended);
}

/** Takes jobs that only gearmand has out of its listings and out of its answers to questions about them. */
export async function explainDoomedListing(
  scene: Scene,
  { slot, requests }: Action,
  { theirs, ours }: Outcome,
): Promise<Verdict> {
  const asks = requests.some((each) => /^(?:line|get-status|get-status-unique)$/.test(each.type));
  const jobs = asks ? await findLingering(scene) : [];
  if (jobs.length === 0) return 'no';
  // gearmand cuts unique ids of 64 bytes.
  const uniqueIds = jobs.map(({ submit }) =>
    JSON.stringify(`${scene.names.uniqueId(submit.uniqueId).slice(0, 63)}\n`),
  );
  const command =
    requests.flatMap((each) => (each.type === 'line' ? [each.line.toLowerCase()] : []))[0] ?? '';
  return rewrite(theirs, (message) => {
    const name = /^(?:"|STATUS_RES )(job\d+)\b/.exec(message)?.[1];
    if (jobs.some((job) => job.name === name)) {
      return message.startsWith('"') ? undefined : `STATUS_RES ${name}|0|0|0|0`;
    }
    if (message.startsWith('STATUS_RES_UNIQUE')) return withoutUnique(message, scene, jobs, ours[slot] ?? []);
    const at = command === 'show unique jobs' ? uniqueIds.indexOf(message) : -1;
    if (at >= 0) {
      uniqueIds.splice(at, 1);
      return undefined;
    }
    if (command.startsWith('status')) return withoutCounts(message, scene, jobs, countOf);
    return command === 'prioritystatus' ? withoutCounts(message, scene, jobs, countByPriority) : message;
  })
    ? GO_ON
    : 'no';
}

/** As if the newest job with this id were the newest that has not ended; its progress is taken from ours. */
function withoutUnique(
  message: string,
  { names, ledger }: Scene,
  jobs: readonly JobEntry[],
  ours: readonly string[],
): string {
  const [, id] = /^STATUS_RES_UNIQUE ([^|]*)\|1/.exec(message) ?? [];
  const hasId = ({ submit }: JobEntry): boolean =>
    submit.uniqueId !== '' && names.uniqueId(submit.uniqueId) === id;
  if (!jobs.some(hasId)) return message;
  const job = ledger.jobs.findLast((each) => !each.ended && !jobs.includes(each) && hasId(each));
  if (job === undefined) return `STATUS_RES_UNIQUE ${id}|0|0|0|0|0`;
  const answer = ours.find((each) => each.startsWith(`STATUS_RES_UNIQUE ${id}|`));
  const progress = answer?.split('|').slice(3, 5).join('|');
  return `STATUS_RES_UNIQUE ${id}|1|${job.worker === undefined ? 0 : 1}|${progress}|${job.clients.length}`;
}

type Count = (job: JobEntry) => readonly number[];

const countOf: Count = (job) => [1, job.worker === undefined ? 0 : 1];
const countByPriority: Count = (job) =>
  [0, 1, 2].map((priority) => (job.worker === undefined && priorityOf(job.submit) === priority ? 1 : 0));

/** A line of `status` or `prioritystatus` as if some jobs were not there. */
function withoutCounts(message: string, { names }: Scene, jobs: readonly JobEntry[], count: Count): string {
  const own = jobs.filter((job) => message.startsWith(`"${names.functionName(job.fn)}\\t`));
  if (own.length === 0) return message;
  const [name, ...numbers] = message.split('\\t');
  const left = numbers.map((number, i) => {
    const gone = own.reduce((sum, job) => sum + (count(job)[i] ?? 0), 0);
    return gone === 0 ? number : String(Number(number) - gone);
  });
  return [name, ...left].join('\\t');
}

/** What a worker still says of a cancelled job reaches its clients only in gearmand. */
export function explainForwarding({ ledger }: Scene, _action: Action, { theirs }: Outcome): Verdict {
  return rewrite(theirs, (message) => {
    const name = /^WORK_\w+ (job\d+)/.exec(message)?.[1] ?? '';
    return ledger.job(name)?.cancelled === true ? undefined : message;
  })
    ? GO_ON
    : 'no';
}

export async function explainDoomedCancel(
  scene: Scene,
  { slot, requests, jobs }: Action,
  { theirs, ours }: Outcome,
): Promise<Verdict> {
  if (requests[0]?.type !== 'cancel' || ours[slot]?.at(-1) !== '"ERR UNKNOWN_JOB\\r\\n"') return 'no';
  const lingering = await findLingering(scene);
  if (!lingering.some((job) => job.name === jobs[0])) return 'no';
  theirs[slot] =
    theirs[slot]?.map((each) => (each === '"OK\\r\\n"' ? '"ERR UNKNOWN_JOB\\r\\n"' : each)) ?? [];
  return GO_ON;
}

/** A submit that gearmand merges into a job that has ended, or refuses because of such jobs. */
export async function explainDoomedSubmit(
  scene: Scene,
  { slot, requests }: Action,
  outcome: Outcome,
): Promise<Verdict> {
  if (!requests.some((request) => request.type === 'submit')) return 'no';
  const { theirs, ours } = firstDifference(outcome, slot);
  const lingering = await findLingering(scene);
  const isMerge = ours !== '' && lingering.some((job) => theirs === `JOB_CREATED ${job.name}`);
  const isRefused = theirs === 'ERROR QUEUE_ERROR|Job queue is full' && lingering.length > 0;
  const isRefusal = isRefused && ours.startsWith('JOB_CREATED');
  return isMerge || isRefusal ? 'parted' : 'no';
}

/** gearmand wakes for a job that it will not run when that job loses its worker. */
export function explainDoomedNoop(
  { ledger }: Scene,
  { type, slot, requests }: Action,
  outcome: Outcome,
): Verdict {
  const withdraws = requests.some((each) => each.type === 'cant-do' || each.type === 'reset-abilities');
  if (type === 'requests' && !withdraws) return 'no';
  const isDoomed = (job: JobEntry): boolean =>
    job.doomed ||
    (type !== 'requests' && job.clients.length > 0 && job.clients.every((client) => client === slot));
  const slots = differingNoops(outcome, 'theirs');
  if (slots.length === 0 || !ledger.runBy(slot).some(isDoomed)) return 'no';
  for (const each of slots) outcome.ours[each] = [...(outcome.theirs[each] ?? [])];
  return { toGrab: slots };
}

/** gearmand has given up a job that ours keeps. */
export async function hasAnotherFate(scene: Scene): Promise<boolean> {
  const wanted = scene.ledger
    .doomed()
    .filter((job) => !job.cancelled && (job.background || job.clients.length > 0));
  if (wanted.length === 0) return false;
  const [theirs, ours] = [await scene.list('theirs', 'show jobs'), await scene.list('ours', 'show jobs')];
  const isGivenUp = (lines: readonly string[], { name }: JobEntry): boolean =>
    lines.some((line) => new RegExp(`^"${name}\\\\t\\d+\\\\t1`).test(line));
  return wanted.some((job) => isGivenUp(theirs, job) && !isGivenUp(ours, job));
}
