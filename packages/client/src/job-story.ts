import { TypedEmitter } from '@gearman/events';
import type { Job } from './job.ts';
import { isLastEvent, type JobEvent, type JobProgress, type JobState } from './job-events.ts';
import type { JobFormat } from './job-format.ts';
import type { JobHost } from './job-host.ts';
import type { JobSettings } from './job-settings.ts';
import { toFraction } from './numbers.ts';
import { RecentEvents } from './recent-events.ts';
import { ResultParts } from './result-parts.ts';
import { StateWatch } from './state-watch.ts';

/**
 * What a job has to tell, and how: its progress, the parts of its result, events, those that were, and promises of what
 * will be.
 */
export abstract class JobStory<O, C> extends TypedEmitter<JobEvent<O>> {
  /** @internal */
  protected readonly host: JobHost;
  /** @internal */
  readonly settings: JobSettings;
  /** @internal */
  protected readonly format: JobFormat<O, C>;
  #progress: JobProgress | undefined;
  // Most jobs need none of these: they are built when somebody asks.
  #parts: ResultParts | undefined;
  #history: RecentEvents<JobEvent<O>> | undefined;
  #watch: StateWatch | undefined;

  /** @internal */
  constructor(host: JobHost, settings: JobSettings, format: JobFormat<O, C>) {
    super();
    this.host = host;
    this.settings = settings;
    this.format = format;
  }

  /** What it is doing, as far as the client knows. */
  abstract get state(): JobState<O>;

  /** The last progress its worker reported. */
  get status(): JobProgress | undefined {
    return this.#progress;
  }

  protected override isLast(event: JobEvent<O>): boolean {
    return isLastEvent(event);
  }

  protected override emit(event: JobEvent<O>): void {
    super.emit(event);
    // Every job is a Job; this is only the part of it that tells.
    if (this.host.wants(event.type)) this.host.publish(event, this as unknown as Job<O, unknown>);
  }

  /** The parts of the result so far, and those to come. @internal */
  protected get parts(): ResultParts {
    this.#parts ??= new ResultParts(this.settings.dataMode, this.format.separateParts);
    return this.#parts;
  }

  /** Those that somebody reads, or that are to tell who comes late that there is nothing. */
  get #neededParts(): ResultParts | undefined {
    return this.format.separateParts ? this.parts : this.#parts;
  }

  /** @internal */
  protected hearData(bytes: Buffer): void {
    this.parts.push(bytes);
    // What is only to be shown is not kept, not even for those who come late.
    this.tell({ type: 'data', bytes }, this.settings.dataMode === 'join');
  }

  /** @internal */
  protected hearProgress(numerator: number, denominator: number): void {
    this.#progress = { numerator, denominator, fraction: toFraction(numerator, denominator) };
    this.tell({ type: 'status', ...this.#progress });
  }

  /** The whole result, of which `last` is the end. @internal */
  protected completeParts(last: Buffer): Buffer {
    return this.#neededParts?.complete(last) ?? last;
  }

  /** There will be no whole result. @internal */
  protected failParts(error: Error): void {
    this.#neededParts?.fail(error);
  }

  /** Nothing has come so far: the job starts again, after `error`. @internal */
  protected restartParts(error: Error): void {
    this.#progress = undefined;
    this.#parts = this.#parts?.restart(error);
  }

  /** The job is over. @internal */
  protected forgetParts(): void {
    // Parts that are values of their own are nowhere else.
    if (!this.format.separateParts) this.#parts = undefined;
  }

  /** @internal */
  protected isHeard(type: JobEvent<O>['type']): boolean {
    return this.hasListeners(type) || this.host.wants(type);
  }

  /** Emits, and remembers for those who come late. @internal */
  protected tell(event: JobEvent<O>, remember = true): void {
    if (remember) {
      this.#history ??= new RecentEvents();
      this.#history.add(event);
    }
    this.emit(event);
  }

  /** What was told with {@link tell}. @internal */
  protected get told(): readonly JobEvent<O>[] {
    return this.#history?.all ?? [];
  }

  /** Settles with what `reached` gives as soon as it gives something, or with the job's failure. @internal */
  protected until<T>(reached: () => { readonly value: T } | undefined): Promise<T> {
    this.#watch ??= new StateWatch();
    return this.#watch.until((resolve, reject) => {
      const goal = reached();
      if (goal !== undefined) resolve(goal.value);
      else if (this.state.name === 'failed') reject(this.state.event.error);
      else return false;
      return true;
    });
  }

  /** The state has changed, and everybody was told: time for the promises. @internal */
  protected look(): void {
    this.#watch?.look();
  }
}
