import { InvalidArgumentError, type JobRef } from '@gearman/protocol';
import {
  type AnyCodec,
  codecContract,
  codecOf,
  type EncodedInput,
  encodeInput,
  type FunctionContract,
  type GivenCodec,
  isContract,
  type Registry,
  withoutCodec,
} from '@gearman/protocol/payload';
import type { Job } from './job.ts';
import { BYTES, ContractFormat } from './job-format.ts';
import type { JobIntake, RunAt } from './job-intake.ts';
import type { BackgroundOptions, SubmitOptions } from './options.ts';
import type { Schedule } from './schedule.ts';
import type { ScheduleOptions } from './schedule-options.ts';
import type { JobPayload } from './streams/payload-source.ts';

/** What a call names: a function, or its contract. */
export type CallTarget = string | FunctionContract;

/** What a client knows of payloads. */
export interface PayloadKnowledge {
  readonly contracts: Registry;
  /** For functions without a contract; undefined for bytes. */
  readonly codec: AnyCodec | undefined;
}

/** The client options that say what payloads are, not checked yet. */
export interface GivenKnowledge extends GivenCodec {
  readonly contracts?: Registry | undefined;
}

/** Takes what concerns payloads out of a client's options. @throws InvalidArgumentError */
export function takeKnowledge<O extends GivenKnowledge>(
  options: O,
): { readonly knowledge: PayloadKnowledge; readonly rest: Omit<O, keyof GivenKnowledge> } {
  const { contracts = {}, codec, encoding, ...rest } = options;
  if (typeof contracts !== 'object' || contracts === null || !Object.values(contracts).every(isContract)) {
    throw new InvalidArgumentError('createClient(): contracts: must be made with defineRegistry()');
  }
  return { knowledge: { contracts, codec: codecOf({ codec, encoding }) }, rest };
}

type GivenBackground = (BackgroundOptions & GivenCodec) | undefined;
/** Hands a background job to the intake. */
type Send = (
  functionName: string,
  data: JobPayload,
  options: BackgroundOptions | undefined,
) => Promise<JobRef>;

/** Submits by contract, by codec, or bytes as they are: the most specific that the caller said. */
export class ContractCalls {
  readonly knowledge: PayloadKnowledge;
  readonly #intake: JobIntake;
  // Then a call by name is one of bytes.
  readonly #knowsNothing: boolean;

  constructor(intake: JobIntake, knowledge: PayloadKnowledge) {
    this.#intake = intake;
    this.knowledge = knowledge;
    this.#knowsNothing = knowledge.codec === undefined && Object.keys(knowledge.contracts).length === 0;
  }

  submit(
    target: CallTarget,
    data: unknown,
    options: (SubmitOptions & GivenCodec) | undefined,
  ): Job<unknown, unknown> {
    const contract = this.#contractOf(target, options);
    // Without contract and codec it is what the caller gave, which the intake checks.
    if (contract === undefined) {
      return this.#intake.foreground(target as string, data as JobPayload, options, BYTES);
    }
    const { priority, responseTimeoutMs } = contract.defaults;
    const settings = merge({ priority, responseTimeoutMs }, options);
    const format = new ContractFormat(contract);
    return this.#intake.foreground(contract.name, payloadOf(contract, data), settings, format);
  }

  background(target: CallTarget, data: unknown, options: GivenBackground): Promise<JobRef> {
    return this.#inBackground(target, data, options, this.#plainly);
  }

  at(target: CallTarget, when: RunAt, data: unknown, options: GivenBackground): Promise<JobRef> {
    return this.#inBackground(target, data, options, (functionName, payload, given) =>
      this.#intake.at(functionName, when, payload, given),
    );
  }

  schedule(
    target: CallTarget,
    schedule: string | Schedule,
    data: unknown,
    options: (ScheduleOptions & GivenCodec) | undefined,
  ): Promise<JobRef> {
    return this.#inBackground(target, data, options, (functionName, payload, given) =>
      this.#intake.schedule(functionName, schedule, payload, given),
    );
  }

  readonly #plainly: Send = (functionName, data, options) =>
    this.#intake.background(functionName, data, options);

  async #inBackground(
    target: CallTarget,
    data: unknown,
    options: GivenBackground,
    send: Send,
  ): Promise<JobRef> {
    const contract = this.#contractOf(target, options);
    if (contract === undefined) return send(target as string, data as JobPayload, options);
    const { priority } = contract.defaults;
    return send(contract.name, payloadOf(contract, data), merge({ priority }, options));
  }

  #contractOf(target: CallTarget, options: GivenCodec | undefined): FunctionContract | undefined {
    const codec = options === undefined ? undefined : codecOf(options);
    if (typeof target === 'string') {
      if (codec === undefined && this.#knowsNothing) return undefined;
      const { contracts, codec: usual } = this.knowledge;
      const known = Object.hasOwn(contracts, target) ? contracts[target] : undefined;
      const used = codec ?? usual;
      if (known === undefined) return used && codecContract(target, used);
      return codec === undefined ? known : { ...known, codec };
    }
    // Whatever it is, the intake refuses it.
    if (typeof target !== 'object' || target === null) return undefined;
    if (!isContract(target)) {
      throw new InvalidArgumentError(
        'the function must be its name, or a contract made with defineFunction()',
      );
    }
    return codec === undefined ? target : { ...target, codec };
  }
}

/** The bytes to send, a promise of them, or a promise that rejects with why there are none. */
function payloadOf(contract: FunctionContract, data: unknown): JobPayload {
  let input: EncodedInput;
  try {
    input = encodeInput(contract, data);
  } catch (error) {
    // The job rejects with it, as it does with everything that is not a wrong call.
    return unheard(Promise.reject(error as Error));
  }
  const { bytes, checked } = input;
  return checked === undefined ? bytes : unheard(checked.then(() => bytes));
}

/** If the call is wrong in other ways, too, nobody waits for it. */
function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Options of a call before those of its contract; undefined for none, so that there is nothing to parse. */
function merge<O extends object>(
  defaults: { readonly [K in keyof O]?: O[K] | undefined },
  options: (O & GivenCodec) | undefined,
): O | undefined {
  const set = Object.entries(defaults).filter(([, value]) => value !== undefined);
  const own = options === undefined ? {} : withoutCodec(options);
  if (set.length === 0 && Object.keys(own).length === 0) return undefined;
  // Only keys without a value, and those of GivenCodec, are gone.
  return { ...Object.fromEntries(set), ...own } as O;
}
