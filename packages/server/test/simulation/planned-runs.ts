import type { StoredJob } from '@gearman/server';
import type { Engine } from '../../src/engine/engine.ts';
import { keepPayload } from '../../src/engine/payload.ts';
import { Schedule } from '../../src/engine/schedule.ts';
import { type CatchUp, PLAIN_RULES } from '../../src/schedules/definition.ts';

const STEP_MS = 5000;
const RULES: readonly CatchUp[] = ['none', 'one', 'all'];

interface Planned {
  readonly number: number;
  readonly catchUp: CatchUp;
  /** It was made at this moment; undefined when not all its runs can be foretold. */
  fromMs: number | undefined;
  answer: 'none' | 'stored' | 'refused';
}

/** The schedules of a simulation, and which runs of them are in the store. */
export class PlannedRuns {
  readonly #complain: (problem: string) => void;
  readonly #planned = new Map<string, Planned>();
  /** The unique ids of all runs that were ever made durable. */
  readonly #runs = new Set<string>();

  constructor(complain: (problem: string) => void) {
    this.#complain = complain;
  }

  /** Somebody makes a schedule, every five seconds, whose runs stand alone. */
  submit({ schedules }: Engine, random: () => number): void {
    const catchUp = RULES[Math.floor(random() * RULES.length)] ?? 'one';
    const schedule = schedules.submit({
      ...{ ...PLAIN_RULES, cron: '*/5 * * * * *', overlap: 'allow', catchUp },
      ...{ functionName: 'mail', uniqueId: '', payload: keepPayload(Buffer.from('x')) },
    });
    if (!(schedule instanceof Schedule)) {
      // Some servers of the simulation have hardly any memory.
      if (schedule !== 'too-many-schedules' && schedule !== 'memory-full')
        this.#complain(`a schedule was refused: ${JSON.stringify(schedule)}`);
      return;
    }
    const { handle, number, progress } = schedule;
    if (this.#planned.has(handle)) this.#complain(`${handle} was given twice`);
    const planned: Planned = { number, catchUp, fromMs: progress.doneUntilMs, answer: 'none' };
    this.#planned.set(handle, planned);
    const commit = schedules.commitOf(schedule);
    commit?.waiters.add({
      decided: () => {
        planned.answer = commit.outcome === 'stored' ? 'stored' : 'refused';
      },
    });
  }

  /** An administrator does something with a schedule. */
  change({ schedules }: Engine, random: () => number): void {
    const handles = [...schedules.values()].map(({ handle }) => handle);
    const handle = handles[Math.floor(random() * handles.length)];
    const planned = this.#planned.get(handle ?? '');
    if (handle === undefined || planned === undefined) return;
    planned.fromMs = undefined;
    const dice = random();
    if (dice < 0.3) schedules.pause(handle);
    else if (dice < 0.6) schedules.resume(handle);
    else {
      schedules.cancel(handle);
      this.#planned.delete(handle);
    }
  }

  /** Jobs are durable. @returns how many of them are runs */
  stored(puts: readonly StoredJob[]): number {
    const runs = puts.map(({ uniqueId }) => uniqueId).filter((id) => id.includes('@'));
    for (const run of runs) {
      if (this.#runs.has(run)) this.#complain(`${run} ran twice`);
      this.#runs.add(run);
    }
    return runs.length;
  }

  /** The server is killed: whoever was told of a schedule finds it, whoever was refused does not. */
  crash(settings: ReadonlyMap<string, string>): void {
    for (const [handle, planned] of this.#planned) {
      const isKept = settings.has(`schedule:${planned.number}`);
      if (planned.answer === 'stored' && !isKept) this.#complain(`${handle} was lost`);
      if (planned.answer === 'refused' && isKept) this.#complain(`${handle} was refused and is kept`);
      if (!isKept) this.#planned.delete(handle);
    }
  }

  /** Up to a moment, no run is left out that should have been made up for; and all schedules end. */
  end({ schedules }: Engine, untilMs: number, wereRefused: boolean): void {
    for (const [handle, { catchUp, fromMs, answer }] of this.#planned) {
      if (answer === 'stored' && schedules.get(handle) === undefined) this.#complain(`${handle} is gone`);
      if (catchUp !== 'all' || fromMs === undefined || answer === 'refused' || wereRefused) continue;
      for (let at = Math.floor(fromMs / STEP_MS) * STEP_MS + STEP_MS; at <= untilMs; at += STEP_MS) {
        if (!this.#runs.has(`${handle}@${at / 1000}`)) this.#complain(`${handle} left out the run of ${at}`);
      }
    }
    for (const { handle } of [...schedules.values()]) schedules.cancel(handle);
  }
}
