import fc from 'fast-check';

/**
 * What may happen in a script. Some things meet in gearmand with defects that no comparison gets past (see `AVOIDED`),
 * so that no script has them all.
 *
 * - `plain`: every connection works for one function; no client leaves before its jobs have ended
 * - `several`: connections work for several functions; all jobs are of normal priority
 * - `across`: the same, with all priorities
 * - `later`: `plain` with jobs of a time that does not come
 * - `doomed`: `plain`, but clients leave and jobs are cancelled
 */
export type Profile = 'plain' | 'several' | 'across' | 'later' | 'doomed';

/** A job or an unique id is named by any number; it means one of those that there are. */
export type Request =
  | { readonly type: 'can-do'; readonly fn: number; readonly timeout: string | undefined }
  | { readonly type: 'cant-do'; readonly fn: number }
  | { readonly type: 'reset-abilities' | 'pre-sleep' | 'all-yours' }
  | { readonly type: 'grab'; readonly packet: 'GRAB_JOB' | 'GRAB_JOB_UNIQ' | 'GRAB_JOB_ALL' }
  | Submit
  | {
      readonly type: 'work';
      readonly packet: WorkPacket;
      readonly job: number;
      /** One of the jobs that this connection runs, if there is one. */
      readonly own: boolean;
      readonly text: string;
      readonly denominator: string;
    }
  | { readonly type: 'get-status'; readonly job: number }
  | { readonly type: 'get-status-unique'; readonly uniqueId: UniqueId }
  | { readonly type: 'option'; readonly option: string }
  | { readonly type: 'echo'; readonly text: string }
  | { readonly type: 'set-client-id'; readonly suffix: string }
  /** A packet of a type that servers do not take, or with the magic of an answer. */
  | { readonly type: 'unexpected'; readonly code: number; readonly magic: 'REQ' | 'RES' }
  | { readonly type: 'line'; readonly line: string }
  | { readonly type: 'cancel'; readonly job: number }
  | { readonly type: 'drop-function'; readonly fn: number; readonly upperCase: boolean }
  | { readonly type: 'max-queue'; readonly fn: number; readonly limits: string }
  | { readonly type: 'create-function'; readonly name: string; readonly lineEnd: '\r\n' | '\n' };

export interface Submit {
  readonly type: 'submit';
  readonly packet:
    | 'SUBMIT_JOB'
    | 'SUBMIT_JOB_BG'
    | 'SUBMIT_JOB_HIGH'
    | 'SUBMIT_JOB_HIGH_BG'
    | 'SUBMIT_JOB_LOW'
    | 'SUBMIT_JOB_LOW_BG'
    | 'SUBMIT_JOB_EPOCH'
    | 'SUBMIT_REDUCE_JOB'
    | 'SUBMIT_REDUCE_JOB_BACKGROUND';
  readonly fn: number;
  readonly uniqueId: UniqueId;
  readonly workload: Workload;
  readonly epoch: string;
  readonly reducer: string;
}

export type WorkPacket =
  | 'WORK_DATA'
  | 'WORK_WARNING'
  | 'WORK_STATUS'
  | 'WORK_COMPLETE'
  | 'WORK_FAIL'
  | 'WORK_EXCEPTION';
export type UniqueId = '' | '-' | 'u' | 'v' | '63' | '64' | '65';
/** `u` is a payload that equals the unique id `u`. */
export type Workload = '' | 'w' | 'x' | 'binary' | 'u';

export type Step =
  | { readonly type: 'send'; readonly slot: number; readonly requests: readonly Request[] }
  /** An answer to it tells of the state; so nothing is pipelined behind it. */
  | { readonly type: 'ask'; readonly slot: number; readonly request: Request }
  | { readonly type: 'disconnect'; readonly slot: number }
  /** Bytes after which a server closes the connection. */
  | { readonly type: 'offend'; readonly slot: number; readonly bytes: string };

export interface Script {
  readonly profile: Profile;
  /** Which pair of servers. */
  readonly setup: number;
  readonly steps: readonly Step[];
}

/** Connections of a script; which function each works for unless it works for several. */
export const SLOTS = [0, 0, 1, 0] as const;
export const FAR_FUTURE = '4102444800';

const slot = fc.nat({ max: SLOTS.length - 1 });
const fn = fc.constantFrom(0, 0, 1, 2);
const job = fc.nat({ max: 7 });
const uniqueId = fc.oneof(
  { weight: 20, arbitrary: fc.constant<UniqueId>('') },
  { weight: 20, arbitrary: fc.constantFrom<UniqueId>('u', 'u', 'v', '-') },
  { weight: 1, arbitrary: fc.constantFrom<UniqueId>('63', '64', '65') },
);
const workload = fc.constantFrom<Workload>('w', 'w', 'x', '', 'binary', 'u');
const workText = fc.constantFrom(
  '',
  '1',
  '7',
  '100',
  '0.5',
  '-1',
  '4294967297',
  'abc',
  ' 8',
  '+9',
  '9007199254740993',
  `-${'9'.repeat(21)}`,
  '9'.repeat(21),
);

const submit = (packets: readonly Submit['packet'][], epochs: readonly string[]): fc.Arbitrary<Submit> =>
  fc.record({
    type: fc.constant('submit'),
    packet: fc.constantFrom(...packets),
    fn,
    uniqueId,
    workload,
    epoch: fc.constantFrom(...epochs),
    reducer: fc.constantFrom('r', 'r', '', 'r'.repeat(64), 'r'.repeat(65)),
  });

const NORMAL: readonly Submit['packet'][] = [
  'SUBMIT_JOB',
  'SUBMIT_JOB',
  'SUBMIT_JOB_BG',
  'SUBMIT_JOB_BG',
  'SUBMIT_JOB_EPOCH',
  'SUBMIT_REDUCE_JOB',
  'SUBMIT_REDUCE_JOB_BACKGROUND',
];
const ALL: readonly Submit['packet'][] = [
  ...NORMAL,
  'SUBMIT_JOB_HIGH',
  'SUBMIT_JOB_HIGH_BG',
  'SUBMIT_JOB_LOW',
  'SUBMIT_JOB_LOW_BG',
];
const NOW = ['0', '1', '-5', '', 'soon', '1000000000'];

const weighted = (weight: number, arbitrary: fc.Arbitrary<Request>): fc.WeightedArbitrary<Request> => ({
  weight,
  arbitrary,
});

function requests(profile: Profile): fc.Arbitrary<Request> {
  const packets = profile === 'several' ? NORMAL : ALL;
  const epochs = profile === 'later' ? [...NOW, ...NOW.map(() => FAR_FUTURE)] : NOW;
  return fc.oneof(
    weighted(
      9,
      fc.record({
        type: fc.constant('can-do'),
        fn,
        timeout: fc.constantFrom(undefined, undefined, undefined, '0', '', 'abc', '-5', '3600000'),
      }),
    ),
    weighted(2, fc.record({ type: fc.constant('cant-do'), fn })),
    weighted(1, fc.record({ type: fc.constantFrom('reset-abilities') })),
    weighted(9, fc.record({ type: fc.constantFrom('pre-sleep') })),
    weighted(
      18,
      fc.record({
        type: fc.constant('grab'),
        packet: fc.constantFrom('GRAB_JOB', 'GRAB_JOB_UNIQ', 'GRAB_JOB_ALL'),
      }),
    ),
    weighted(18, submit(packets, epochs)),
    weighted(
      16,
      fc.record({
        type: fc.constant('work'),
        packet: fc.constantFrom<WorkPacket>(
          'WORK_DATA',
          'WORK_WARNING',
          'WORK_STATUS',
          'WORK_COMPLETE',
          'WORK_COMPLETE',
          'WORK_FAIL',
          'WORK_EXCEPTION',
        ),
        job,
        own: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
        text: workText,
        denominator: fc.constantFrom('', '100', '4294967297', 'x'),
      }),
    ),
    weighted(
      1,
      fc.record({
        type: fc.constant('option'),
        option: fc.constantFrom('exceptions', 'ExCePtIoNs', 'x', ''),
      }),
    ),
    weighted(1, fc.record({ type: fc.constant('echo'), text: fc.constantFrom('', 'a', 'a\0b') })),
    weighted(
      1,
      fc.record({
        type: fc.constant('set-client-id'),
        suffix: fc.constantFrom('', 'w', 'a b', 'a\tb', 'a\\x20b', 'w'.repeat(200)),
      }),
    ),
    weighted(
      1,
      fc.record({
        type: fc.constant('unexpected'),
        code: fc.constantFrom(5, 6, 8, 10, 11, 17, 19, 20, 27, 31, 40, 42),
        magic: fc.constantFrom('REQ', 'REQ', 'RES'),
      }),
    ),
    weighted(1, fc.record({ type: fc.constantFrom('all-yours') })),
    weighted(2, fc.record({ type: fc.constant('max-queue'), fn, limits: fc.constantFrom(...LIMITS) })),
    weighted(1, fc.record({ type: fc.constant('line'), line: fc.constantFrom(...LINES) })),
  );
}

const LIMITS = ['', ' 1', ' 2', ' 3', ' 0', ' -1', ' many', ' 1 2', ' 1 2 3', ' 3 0 1', '  2'];
const LINES = [
  'version',
  'VERSION',
  'verbose',
  'verbose DEBUG',
  'getpid',
  'maxqueue',
  'create',
  'create function',
  'create other thing',
  'drop',
  'drop function',
  'drop function nosuch',
  'cancel',
  'cancel job',
  'cancel job H:none:1',
  'cancel other thing',
  'cancel job a b',
  'show',
  'show other',
  'show jobs extra',
  'show unique',
  'nonsense',
  'nonsense with words',
  ' status',
  '',
  ' ',
  'shutdown',
  'shutdown graceful',
  'maxqueue nosuch 5',
];

function questions(profile: Profile): fc.Arbitrary<Request> {
  const lines = [
    'status',
    'Status x y',
    'status  ',
    'prioritystatus',
    'workers',
    'show jobs',
    'show unique jobs',
    'SHOW Jobs',
  ];
  const cancel = fc.record({ type: fc.constant('cancel'), job });
  return fc.oneof(
    weighted(6, fc.record({ type: fc.constant('line'), line: fc.constantFrom(...lines) })),
    weighted(4, fc.record({ type: fc.constant('get-status'), job })),
    weighted(
      3,
      fc.record({
        type: fc.constant('get-status-unique'),
        uniqueId: fc.constantFrom<UniqueId>('u', 'u', 'v', '', '63'),
      }),
    ),
    weighted(1, fc.record({ type: fc.constant('drop-function'), fn, upperCase: fc.boolean() })),
    weighted(
      1,
      fc.record({
        type: fc.constant('create-function'),
        name: fc.constantFrom('n', 'na', 'm'),
        // After LF alone a script cannot go on.
        lineEnd: fc.oneof({ weight: 8, arbitrary: fc.constant('\r\n') }, fc.constant('\n')),
      }),
    ),
    ...(profile === 'doomed' ? [weighted(5, cancel)] : []),
  );
}

const header = (code: string): string => `\0REQ${code}\0\0\0\0`;
/** Types that do not exist, no magic, too many words. */
const OFFENCES = [
  header('\0\0\0\0'),
  header('\0\0\0\x2b'),
  header('\0\0\x01\x07'),
  '\0XYZ\0\0\0\x10\0\0\0\0',
  'status a b c d e\n',
  'maxqueue f 1 2 3 4\r\n',
];

/** What workers do: else hardly any sleeps while another one runs a job of its function. */
const working = fc.record({
  type: fc.constant('send'),
  slot,
  requests: fc
    .tuple(fn, fc.constantFrom<readonly Request[]>([], [{ type: 'pre-sleep' }]))
    .map(([number, more]): readonly Request[] => [
      { type: 'can-do', fn: number, timeout: undefined },
      { type: 'grab', packet: 'GRAB_JOB' },
      ...more,
    ]),
});

function steps(profile: Profile, maxLength: number): fc.Arbitrary<readonly Step[]> {
  const step = fc.oneof(
    {
      weight: 32,
      arbitrary: fc.record({
        type: fc.constant('send'),
        slot,
        requests: fc.array(requests(profile), { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: profile === 'doomed' ? 20 : 10, arbitrary: working },
    { weight: 9, arbitrary: fc.record({ type: fc.constant('ask'), slot, request: questions(profile) }) },
    { weight: profile === 'doomed' ? 8 : 3, arbitrary: fc.record({ type: fc.constant('disconnect'), slot }) },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('offend'), slot, bytes: fc.constantFrom(...OFFENCES) }),
    },
  );
  return fc.array(step, { maxLength, size: 'max' });
}

/** Any script of up to so many steps. */
export function scripts(setups: number, maxLength: number): fc.Arbitrary<Script> {
  const profiles = fc.constantFrom<Profile>(
    'plain',
    'plain',
    'several',
    'several',
    'across',
    'later',
    'doomed',
    'doomed',
  );
  return profiles.chain((profile) =>
    fc.record({
      profile: fc.constant(profile),
      setup: fc.nat({ max: setups - 1 }),
      steps: steps(profile, maxLength),
    }),
  );
}
