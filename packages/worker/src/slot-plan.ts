import type { Allowance, Steps } from './allowance.ts';
import type { RunningJob } from './job.ts';
import type { ResolvedSettings } from './options.ts';
import { Slots } from './slots.ts';
import { StartLine } from './start-line.ts';

/** What a connection's jobs need: a slot before they are asked for, and a turn when they have come. */
export interface Places {
  readonly slots: Slots;
  /** Undefined when jobs start as they come. */
  readonly starts: StartLine | undefined;
}

/** Which slots the connections to which server use. */
export interface SlotPlan {
  placesFor(server: string): Places;
  /** Hands out what is free: to be called when an allowance has grown. */
  serve(): void;
}

/** The slots of a worker: one set for all servers, or one for each. */
export class WorkerPlan implements SlotPlan {
  readonly perServer: boolean;
  readonly #concurrency: number;
  readonly #prefetch: number;
  /** How many more jobs may be asked for. */
  readonly steps: Steps;
  readonly #call: (job: RunningJob) => void;
  readonly #places = new Map<string, Places>();

  constructor(
    { concurrency, perServer, prefetch }: ResolvedSettings,
    steps: Steps,
    call: (job: RunningJob) => void,
  ) {
    this.perServer = perServer;
    this.#concurrency = concurrency;
    this.#prefetch = prefetch;
    this.steps = steps;
    this.#call = call;
  }

  /** All jobs that are taken ahead of their time. */
  get waiting(): readonly RunningJob[] {
    return [...this.#places.values()].flatMap(({ starts }) => [...(starts?.waiting ?? [])]);
  }

  placesFor(server: string): Places {
    return placesIn(this.#places, this.perServer ? server : '', () => ({
      slots: new Slots(this.#concurrency + this.#prefetch, { allowance: this.steps }),
      starts: this.#prefetch === 0 ? undefined : new StartLine(this.#concurrency, this.#call),
    }));
  }

  serve(): void {
    for (const { slots } of this.#places.values()) slots.serve();
  }
}

/** The slots of one function: part of the worker's, or beside them. */
export class FunctionPlan implements SlotPlan {
  readonly #parent: WorkerPlan | undefined;
  readonly #size: number;
  readonly #allowance: Allowance | undefined;
  readonly #places = new Map<string, Places>();

  constructor(size: number, parent: WorkerPlan | undefined, allowance: Allowance | undefined) {
    this.#parent = parent;
    this.#size = size;
    this.#allowance = allowance;
  }

  placesFor(server: string): Places {
    const parent = this.#parent?.placesFor(server);
    return placesIn(this.#places, this.#parent?.perServer === true ? server : '', () => ({
      slots: new Slots(this.#size, { parent: parent?.slots, allowance: this.#allowance }),
      starts: parent?.starts,
    }));
  }

  serve(): void {
    for (const { slots } of this.#places.values()) slots.serve();
  }
}

function placesIn(places: Map<string, Places>, key: string, create: () => Places): Places {
  let found = places.get(key);
  if (found === undefined) {
    found = create();
    places.set(key, found);
  }
  return found;
}
