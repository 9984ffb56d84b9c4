import {
  explainDoomedCancel,
  explainDoomedListing,
  explainDoomedNoop,
  explainDoomedSubmit,
  explainForwarding,
  hasAnotherFate,
} from './doomed-jobs.ts';
import { isLater, priorityOf } from './ledger.ts';
import {
  differingNoops,
  firstDifference,
  GO_ON,
  type IntendedDifference,
  type Outcome,
  rewrite,
} from './outcome.ts';

/** What no script does, because gearmand 1.1.20 does not survive it or makes no sense afterwards, and why. */
export const AVOIDED: readonly string[] = [
  'packet types of 0x80000000 and above: gearmand crashes',
  'a CAN_DO_TIMEOUT of more than 64 bits: gearmand crashes; one of 21 characters: no answer, the connection is lost',
  'packets with too few separators: gearmand takes the next packet for the rest of them and stalls',
  'drop function while it has jobs: gearmand leaves them pointing at freed memory',
  'CAN_DO_TIMEOUT that expires: the one timer of a connection goes off for jobs that have ended, counts become −1',
  'a job that ends in the same write as its GRAB_JOB: gearmand frees the payload before it has sent it',
  'unique ids over 63 bytes in reduce submits: gearmand reads on behind them',
  'handles and unique ids over 63 bytes in questions, epochs over 64 bits: no answer, the connection may close',
  'GET_STATUS_UNIQUE of "-": gearmand finds a job if the hash of its payload happens to collide with that of "-"',
  'a WORK_STATUS denominator of over 10 characters: cut, or no answer, and the connection may close',
  'leaving clients together with jobs of a later time: gearmand revives abandoned jobs behind them',
  'leaving clients together with workers of several functions: clearing away an abandoned job changes whose turn it is',
  'SUBMIT_JOB_SCHED: gearmand refuses it, ours makes a schedule',
  'half-closed connections: gearmand takes them for gone at once, answers or not',
];

/** Every way in which ours is meant to answer otherwise; a difference that none of them explains fails the test. */
export const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  {
    name: 'no stray NUL',
    kind: 'defect',
    reason: 'gearmand puts a NUL behind the handle of a WORK_FAIL that stands in for an exception',
    explain: (_scene, _action, { theirs }) =>
      rewrite(theirs, (message) => message.replace(/^(WORK_FAIL job\d+)\\u0000$/, '$1')) ? GO_ON : 'no',
  },
  {
    name: 'escaped names',
    kind: 'defect',
    reason:
      'gearmand prints blanks and tabs in client ids as they are, so that readers take them for separators',
    explain: (_scene, _action, { ours }) => (rewrite(ours, withoutEscapes) ? GO_ON : 'no'),
  },
  {
    name: 'order in workers',
    kind: 'choice',
    reason:
      'gearmand with --round-robin lists functions in the order of their turns; ours the newest first, as gearmand without ' +
      'it, so that the listing does not change with every job',
    explain: (_scene, _action, { theirs, ours }) => {
      const changed = [rewrite(theirs, sortFunctions), rewrite(ours, sortFunctions)];
      return changed.includes(true) ? GO_ON : 'no';
    },
  },
  {
    name: 'ALL_YOURS',
    kind: 'choice',
    reason:
      'gearmand knows the packet and refuses it; it only promises something, so that there is nothing to refuse',
    explain: (_scene, { slot, requests }, { theirs }) => {
      const refused = requests.filter(
        (request) =>
          request.type === 'all-yours' || (request.type === 'unexpected' && request.magic === 'REQ'),
      );
      if (!refused.some((request) => request.type === 'all-yours')) return 'no';
      theirs[slot] =
        theirs[slot]?.filter(
          (message) => message !== NOT_EXPECTED || refused.shift()?.type !== 'all-yours',
        ) ?? [];
      return GO_ON;
    },
  },
  {
    name: 'last words',
    kind: 'choice',
    reason:
      'gearmand closes the connection after an unknown packet type without a word; ours says why first, so that the peer ' +
      'can tell its own mistake from a lost server',
    explain: (_scene, { type }, { ours }) => {
      if (type !== 'offend') return 'no';
      return rewrite(ours, (message) => (message === NOT_EXPECTED ? undefined : message)) ? GO_ON : 'no';
    },
  },
  {
    name: 'a payload is no unique id',
    kind: 'choice',
    reason:
      'in gearmand a submit with the id "-" merges into a job whose own unique id equals the payload of both; ids and ' +
      'payloads are equal by accident then, and whoever chose the id asked for no company of that kind',
    explain: ({ ledger }, { slot, requests }, outcome) => {
      const isDash = requests.some(
        (each) => each.type === 'submit' && each.uniqueId === '-' && each.workload === 'u',
      );
      const { theirs, ours } = firstDifference(outcome, slot);
      const into = ledger.job(theirs.replace('JOB_CREATED ', ''))?.submit;
      const isOther = ours.startsWith('JOB_CREATED') || ours.startsWith('ERROR QUEUE_ERROR');
      return isDash && isOther && into?.uniqueId === 'u' && into.workload === 'u' ? 'parted' : 'no';
    },
  },
  {
    name: 'jobs of a later time wake nobody',
    kind: 'defect',
    reason: 'gearmand sends sleeping workers a NOOP for a job that cannot run yet; ours when it is due',
    explain: (_scene, { requests }, outcome) => {
      const isSubmit = requests.some((request) => request.type === 'submit' && isLater(request));
      const slots = differingNoops(outcome, 'theirs');
      return isSubmit && slots.length > 0 ? settleNoops(outcome, slots, slots) : 'no';
    },
  },
  {
    name: 'jobs of a later time hide nothing',
    kind: 'defect',
    reason: 'in gearmand jobs of lower priority starve behind a job that is not due yet',
    explain: ({ ledger }, { slot }, outcome) => {
      const { theirs, ours } = firstDifference(outcome, slot);
      const job = ledger.job(assigned(ours));
      const isHidden = ledger.jobs.some((each) => each.fn === job?.fn && !each.ended && isLater(each.submit));
      const isLow = job !== undefined && priorityOf(job.submit) === 2;
      return theirs === 'NO_JOB' && isLow && isHidden ? 'parted' : 'no';
    },
  },
  {
    name: 'priority across functions',
    kind: 'gearmand 2.0',
    reason:
      'gearmand 1.1.20 looks at one function after the other; ours, like 2.0, at the most urgent job of all',
    explain: ({ ledger }, { slot }, outcome) => {
      const { theirs, ours } = firstDifference(outcome, slot);
      const [theirJob, ourJob] = [ledger.job(assigned(theirs)), ledger.job(assigned(ours))];
      if (theirJob === undefined || ourJob === undefined || theirJob.fn === ourJob.fn) return 'no';
      return priorityOf(ourJob.submit) < priorityOf(theirJob.submit) ? 'parted' : 'no';
    },
  },
  {
    name: 'order of jobs that come back',
    kind: 'choice',
    reason:
      'in gearmand a connection loses its jobs registration by registration; in ours the newest job first, however often ' +
      'it said CAN_DO: that decides about jobs of one function only if the connection registered it twice',
    explain: ({ ledger }, { slot }, outcome) => {
      if (ledger.runBy(slot).length > 1 && sameInAnotherOrder(outcome)) return GO_ON;
      const { theirs, ours } = firstDifference(outcome, slot);
      const [theirJob, ourJob] = [ledger.job(assigned(theirs)), ledger.job(assigned(ours))];
      if (theirJob === undefined || ourJob === undefined || theirJob.fn !== ourJob.fn) return 'no';
      return ledger.shuffled.has(ourJob.fn) ? 'parted' : 'no';
    },
  },
  {
    name: 'no NOOP for the own job',
    kind: 'choice',
    reason:
      'in gearmand a sleeping connection that withdraws a function is woken for the job that it gives back, and finds ' +
      'NO_JOB',
    explain: ({ ledger }, { slot, requests }, outcome) => {
      const withdraws = requests.some(({ type }) => type === 'cant-do' || type === 'reset-abilities');
      const isWoken = differingNoops(outcome, 'theirs').includes(slot);
      const isCause = withdraws && ledger.runBy(slot).length > 0 && ledger.sleepOf(slot).asleep;
      return isWoken && isCause ? settleNoops(outcome, [slot], [slot]) : 'no';
    },
  },
  {
    name: 'PRE_SLEEP after NOOP',
    kind: 'choice',
    reason:
      'gearmand sends no second NOOP before a grab, so that a worker that sleeps again without one is never woken and the ' +
      'job stays; ours takes PRE_SLEEP for the wish to be woken again',
    explain: ({ ledger }, _action, outcome) => {
      const slots = differingNoops(outcome, 'ours').filter((slot) => ledger.sleepOf(slot).noopSent);
      return slots.length > 0 ? settleNoops(outcome, slots, []) : 'no';
    },
  },
  {
    name: 'awake after an answered PRE_SLEEP',
    kind: 'choice',
    reason:
      'a connection that sleeps and sends PRE_SLEEP again when a job waits is answered by NOOP; gearmand, against its own ' +
      'rule, then still takes it for asleep and sends one more for the next job',
    explain: ({ ledger }, _action, outcome) => {
      const slots = differingNoops(outcome, 'theirs').filter((slot) => {
        const { asleep, answered } = ledger.sleepOf(slot);
        return asleep && answered;
      });
      return slots.length > 0 ? settleNoops(outcome, slots, []) : 'no';
    },
  },
  {
    name: 'create function ended by LF',
    kind: 'defect',
    reason: 'gearmand cuts two bytes off the line, whatever they are, and creates a function of another name',
    isInState: async (scene, { requests }) => {
      const [request] = requests;
      if (request?.type !== 'create-function' || request.lineEnd !== '\n') return false;
      const name = scene.names.tag + request.name;
      const [theirs, ours] = [await scene.list('theirs', 'status'), await scene.list('ours', 'status')];
      const has = (lines: readonly string[], fn: string): boolean =>
        lines.some((line) => line.startsWith(`"${fn}\\t`));
      return has(theirs, name.slice(0, -1)) && has(ours, name);
    },
  },
  {
    name: 'abandoned jobs are gone',
    kind: 'defect',
    reason:
      'gearmand keeps jobs that were cancelled, or that nobody waits for, until a worker comes upon them',
    explain: explainDoomedListing,
  },
  {
    name: 'cancelled for good',
    kind: 'defect',
    reason:
      'gearmand passes on what the worker says of a cancelled job, although its clients were told that it failed',
    explain: explainForwarding,
  },
  {
    name: 'cancelled once',
    kind: 'defect',
    reason: 'a job that has been cancelled or abandoned is no job any more; gearmand cancels it again',
    explain: explainDoomedCancel,
  },
  {
    name: 'no merging into abandoned jobs',
    kind: 'defect',
    reason:
      'in gearmand a submit that merges into an abandoned job is never run; it also counts for the queue limit',
    explain: explainDoomedSubmit,
  },
  {
    name: 'no NOOP for abandoned jobs',
    kind: 'defect',
    reason: 'gearmand wakes workers for an abandoned job that lost its worker, and then does not run it',
    explain: explainDoomedNoop,
  },
  {
    name: 'background jobs survive their clients',
    kind: 'defect',
    reason:
      'a job that was ever submitted as background runs although its foreground clients have gone, and a foreground job ' +
      'is wanted again when another client merges into it; gearmand gives up both',
    isInState: hasAnotherFate,
  },
  {
    name: 'stored after a background merge',
    kind: 'defect',
    reason:
      'a foreground job into which a background submit merged is as much worth keeping as a background job',
    explain: ({ ledger }, _action, { theirs }) =>
      rewrite(theirs, (message) => {
        const job = ledger.job(/^"(job\d+)\\t\d+\\t\d+\\t0\\n"$/.exec(message)?.[1] ?? '');
        return job?.background === true && !job.beganInBackground
          ? message.replace(/0\\n"$/, '1\\n"')
          : message;
      })
        ? GO_ON
        : 'no',
  },
  {
    name: 'unique ids of 64 bytes',
    kind: 'defect',
    reason: 'gearmand accepts them and cuts them to 63 when it keeps them, so that they no longer merge',
    explain: ({ names, ledger }, { slot, requests }, outcome) => {
      const difference = firstDifference(outcome, slot);
      const isMerge = requests.some((request) => request.type === 'submit' && request.uniqueId === '64');
      if (isMerge && difference.ours.startsWith('JOB_CREATED')) return 'parted';
      const isShown = ledger.jobs.some((job) => job.submit.uniqueId === '64');
      return isShown && difference.ours.includes(names.uniqueId('64')) ? 'parted' : 'no';
    },
  },
];

const NOT_EXPECTED = 'ERROR INVALID_COMMAND|Command not expected';

function assigned(message: string): string {
  return /^JOB_ASSIGN\w* (job\d+)/.exec(message)?.[1] ?? '';
}

/** Takes out what differs only in the order in which jobs came back or failed. @returns true when there was any */
function sameInAnotherOrder({ theirs, ours }: Outcome): boolean {
  let changed = false;
  theirs.forEach((messages, slot) => {
    const mine = ours[slot] ?? [];
    const moved = messages.filter((message, i) => message !== mine[i]);
    if (moved.length === 0 || !moved.every((message) => /^(?:WORK_FAIL|NOOP)/.test(message))) return;
    if ([...messages].sort().join() !== [...mine].sort().join()) return;
    ours[slot] = [...messages];
    changed = true;
  });
  return changed;
}

/** Lets some connections have heard of ours what they heard of theirs. */
function settleNoops({ theirs, ours }: Outcome, slots: readonly number[], toGrab: readonly number[]) {
  for (const slot of slots) ours[slot] = [...(theirs[slot] ?? [])];
  return { toGrab };
}

/** `\x20` as the blank it stands for; other messages stay as they are. */
function withoutEscapes(message: string): string {
  return message.startsWith('"')
    ? message.replace(/\\\\x([0-9a-f]{2})/g, (_all, hex: string) =>
        JSON.stringify(String.fromCharCode(Number.parseInt(hex, 16))).slice(1, -1),
      )
    : message;
}

function sortFunctions(message: string): string {
  const [, head, functions] = /^("# 127\.0\.0\.1 .* :)( .*)\\n"$/.exec(message) ?? [];
  return head === undefined || functions === undefined
    ? message
    : `${head} ${functions.trim().split(' ').sort().join(' ')}\\n"`;
}
