import { decodeOptions, encodeText, type Packet, SERVER_ERRORS } from '@gearman/protocol';
import { z } from 'zod';
import { HIGH, LOW, NORMAL } from '../engine/job.ts';
import type { OwnRules } from '../engine/job-policy.ts';
import { dedupSchema, jobRulesShape, LONGEST_MS } from '../job-rules-options.ts';
import type { Session } from '../net/session.ts';
import { submit } from './submit.ts';
import { report } from './work.ts';

const PRIORITIES = { high: HIGH, normal: NORMAL, low: LOW } as const;
/** Whoever wants to wait longer asks again. */
const LONGEST_RESULT_WAIT_MS = 600_000;
const moment = z.number().min(0);

const submitSchema = z.strictObject({
  ...jobRulesShape,
  background: z.boolean().default(false),
  priority: z.enum(['high', 'normal', 'low']).default('normal'),
  runAtMs: moment.optional(),
  delayMs: z.number().min(0).max(LONGEST_MS).optional(),
  deadlineMs: moment.optional(),
  dedup: dedupSchema.optional(),
  reducer: z.string().min(1).transform(encodeText).optional(),
});

const failSchema = z.strictObject({
  /** False: no further attempt, whatever the policy of the job says. */
  retry: z.boolean().default(true),
  /** `data` is what an exception carries, for clients that asked for exceptions. */
  exception: z.boolean().default(false),
  release: z
    .strictObject({
      delayMs: z.number().min(0).max(LONGEST_MS).default(0),
      countAttempt: z.boolean().default(false),
    })
    .optional(),
});

const resultSchema = z.object({
  waitMs: z.number().min(0).max(LONGEST_RESULT_WAIT_MS).catch(0),
  /** Comes back behind the state, so that whoever asks twice can tell the answers apart. */
  tag: z
    .string()
    .max(32)
    .regex(/^[!-~]*$/)
    .catch(''),
});

/** The options of a packet, checked; or undefined when the peer has been told what is wrong with them. */
function readOptions<T>(session: Session, text: string, schema: z.ZodType<T>): T | undefined {
  const options = decodeOptions(text);
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const what =
    options === undefined ? 'no JSON object' : `${issue?.path.map(String).join('.')}: ${issue?.message}`;
  session.sendError({ code: 'INVALID_ARGUMENT', text: `options: ${what}`.slice(0, 500) });
  return undefined;
}

export function submitWith(session: Session, packet: Packet<'SUBMIT_JOB_WITH'>): void {
  const options = readOptions(session, packet.options, submitSchema);
  if (options === undefined) return;
  const { background, priority, reducer, delayMs, retry, ttlMs, deadlineMs, keepResult } = options;
  const { runAtMs = delayMs === undefined ? 0 : session.context.clock.now() + delayMs } = options;
  const rules = definedOnly({ retry, ttlMs, deadlineMs, keepResult });
  const { dedup } = options;
  // To attach is what unique ids are for.
  const uniqueId = dedup?.mode === 'attach' ? (dedup.id ?? packet.uniqueId) : packet.uniqueId;
  const job = { ...packet, uniqueId };
  submit(session, job, PRIORITIES[priority], background, runAtMs, reducer, rules, dedup);
}

export function failWith(session: Session, packet: Packet<'WORK_FAIL_WITH'>): void {
  const options = readOptions(session, packet.options, failSchema);
  if (options === undefined) return;
  const { handle, data } = packet;
  const { retry, exception, release } = options;
  const { peer } = session;
  report(
    session,
    handle,
    (reports) => {
      if (release !== undefined) return reports.release(peer, handle, release.delayMs, release.countAttempt);
      return exception
        ? reports.exception(peer, handle, data, retry)
        : reports.fail(peer, handle, data, retry);
    },
    SERVER_ERRORS.resultJobNotFound,
  );
}

/** Answered out of turn, when the result is there; so it is never answered with ERROR, which would be taken for another's. */
export function getResult(session: Session, { handle, options }: Packet<'GET_RESULT'>): void {
  const { data } = resultSchema.safeParse(decodeOptions(options));
  session.context.results.ask({ session, handle, tag: data?.tag ?? '' }, data?.waitMs ?? 0);
}

/** What is undefined must not stand before what the function of a job says. A job of which nothing is said can be parked. */
function definedOnly(rules: OwnRules): OwnRules | undefined {
  const defined = Object.entries(rules).filter(([, value]) => value !== undefined);
  return defined.length === 0 ? undefined : Object.fromEntries(defined);
}
