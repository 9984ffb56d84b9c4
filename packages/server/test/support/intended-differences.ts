/** Recordings that another test plays, or that show something this server does not have yet. */
export const NOT_PLAYED: Readonly<Record<string, string>> = {
  '1.1.20 http-plugin': 'played by http.test.ts',
  '2.0 http-plugin': 'played by http.test.ts',
  '1.1.20 error-queue-store-failed': 'persistent queues',
  '1.1.20 queue-replay': 'persistent queues',
};

/** One reason to answer otherwise than gearmand, and where in the recordings it shows. */
export interface IntendedDifference {
  readonly reason: string;
  /** `sample#frame` → what ours sends instead. */
  readonly ours: Readonly<Record<string, string>>;
}

/** Every place in the recordings where this server answers otherwise than the gearmand that was recorded. */
export const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  {
    reason:
      'cancel job ends a job for its clients at once and for good; gearmand keeps it until a worker comes along',
    ours: {
      '1.1.20 admin-cancel-job#7': '"f\\t0\\t0\\t0\\n.\\n"',
      '1.1.20 admin-cancel-job#9': '".\\n"',
      '1.1.20 admin-cancel-job#24': '""',
    },
  },
  {
    reason: 'a queued job is removed when its last client leaves, not when a worker next asks for jobs',
    ours: {
      '1.1.20 client-disconnect-queued#5': '"f\\t0\\t0\\t0\\n.\\n"',
      '1.1.20 client-disconnect-queued#7': '".\\n"',
    },
  },
  {
    reason: 'create function ended by LF alone keeps the last letter of the name',
    ours: { '1.1.20 admin-create-function#6': '"reverse\\t0\\t0\\t0\\nwordcount\\t0\\t0\\t0\\n.\\n"' },
  },
  {
    reason: 'an argument too long for gearmand is answered with ERROR, the connection stays',
    ours: { '1.1.20 close-argument-over-8192#4': 'open' },
  },
  {
    reason: 'a packet with too few separators is answered with ERROR, the next one is read',
    ours: {
      '1.1.20 missing-terminator-stalls#2':
        'ERROR INVALID_PACKET|SUBMIT_JOB: argument \\"functionName\\" has no NUL behind it',
    },
  },
  {
    reason: 'ALL_YOURS is accepted',
    ours: { '1.1.20 error-invalid-command#18': '""' },
  },
  {
    reason: 'SUBMIT_JOB_SCHED makes a schedule; gearmand refuses it',
    ours: { '1.1.20 error-invalid-command#24': 'JOB_CREATED S:jobhost:1' },
  },
  {
    reason: 'streaming is an option, as in abraxas',
    ours: { '1.1.20 option-req#6': 'OPTION_RES streaming' },
  },
  {
    reason: 'priority counts across functions and functions take turns, as in gearmand 2.0',
    ours: {
      '1.1.20 function-order-default#10': 'JOB_ASSIGN H:jobhost:1|first|first/high',
      '1.1.20 function-order-default#12': 'JOB_ASSIGN H:jobhost:2|second|second/low 1',
      '1.1.20 function-order-default#14': 'JOB_ASSIGN H:jobhost:3|second|second/low 2',
    },
  },
  {
    reason: 'an epoch job wakes workers when it is due, as in gearmand 2.0, and not when it is submitted',
    ours: {
      '1.1.20 submit-job-epoch#6': '""',
      '1.1.20 submit-job-epoch#14': 'NOOP',
      '2.0 submit-job-epoch#6': '""',
    },
  },
  {
    reason: 'unique ids of 64 bytes merge like shorter ones, and come back whole',
    ours: {
      '1.1.20 unique-length-limits#6': 'JOB_CREATED H:jobhost:2',
      '1.1.20 unique-length-limits#13': `JOB_ASSIGN_UNIQ H:jobhost:2|f|${'b'.repeat(64)}|64`,
    },
  },
  {
    reason: 'no stray NUL behind the handle of WORK_FAIL',
    ours: {
      '1.1.20 work-exception-mixed-clients#11': 'WORK_FAIL H:jobhost:1',
      '1.1.20 work-exception-without-option#7': 'WORK_FAIL H:jobhost:1',
      '1.1.20 work-fail#13': 'WORK_FAIL H:jobhost:2',
    },
  },
];
