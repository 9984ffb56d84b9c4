import {
  type AnyCodec,
  type Codec,
  type ContractOfSchemas,
  defineFunction,
  describeTasks,
  type FunctionContract,
  helpFunctionName,
  type Registry,
  type StandardSchema,
} from '@gearman/protocol/payload';
import { byContract, type ContractHandler, type ContractJob } from './contract-job.ts';
import type { RegisterOptions } from './register-options.ts';
import type { Setup } from './setups.ts';
import type { PartFunction, WorkerPart } from './worker-part.ts';

/** The contract of a task, by the types of its schemas and its codec. */
export type TaskContract<Name extends string, Input, Output, Carrier> =
  Carrier extends Codec<infer Value, infer Part>
    ? ContractOfSchemas<Name, Input, Output, unknown, Value, Part>
    : ContractOfSchemas<Name, Input, Output, unknown, unknown, Uint8Array>;

/** A job of a task. */
export type TaskJob<Input, Output = unknown, Carrier = unknown> = ContractJob<
  TaskContract<string, Input, Output, Carrier>
>;

/** One task of a worker: what it takes, what it gives, and who does it. */
export interface TaskDefinition<Input = unknown, Output = unknown, Carrier = unknown> {
  /** Checks what the client sends; the handler is not called for anything else. @defaultValue anything the codec carries */
  readonly input?: Input & StandardSchema;
  /** Checks what the handler returns. @defaultValue anything the codec carries */
  readonly output?: Output & StandardSchema;
  /** How values become bytes. @defaultValue JSON */
  readonly codec?: Carrier & AnyCodec;
  /** For people, see `client.help()`. */
  readonly description?: string;
  /** Returns the result, or promises it: see {@link ContractHandler}. */
  readonly handler: ContractHandler<TaskContract<string, Input, Output, Carrier>>;
  /** Time limit, concurrency and the like. */
  readonly options?: RegisterOptions;
}

/** The argument of {@link defineWorker}. */
export interface WorkerDefinitionInput<
  Name extends string,
  Separator extends string,
  Inputs,
  Outputs,
  Carriers,
> {
  /** What comes before the names of all tasks. */
  readonly name: Name;
  /** What stands between that and the name of a task. @defaultValue `'_'` */
  readonly separator?: Separator;
  /** Whether to answer `<name>_help` with a description of the tasks. @defaultValue true */
  readonly help?: boolean;
  /** Called once by `worker.start()`, before any server hears of a task. */
  readonly setup?: Setup;
  // Each part of the intersection infers one kind of types, for all tasks; the first also says what a task is.
  readonly tasks: {
    readonly [Task in keyof Inputs]: TaskDefinition<Inputs[Task], At<Outputs, Task>, At<Carriers, Task>>;
  } & { readonly [Task in keyof Outputs]: Anything & { readonly output?: Outputs[Task] } } & {
    readonly [Task in keyof Carriers]: Anything & { readonly codec?: Carriers[Task] };
  };
}

type At<All, Key> = Key extends keyof All ? All[Key] : unknown;
/** Keys that belong to a task, whatever is there. */
type Anything = { readonly [Key in keyof TaskDefinition]?: unknown };

/** Here values are checked, not typed. */
type AnyTask = Omit<TaskDefinition, 'handler'> & { readonly handler: ContractHandler<FunctionContract> };

/** The contracts of a worker's tasks by the names of their functions. */
export type TaskContracts<Name extends string, Separator extends string, Inputs, Outputs, Carriers> = {
  readonly [Task in Extract<keyof Inputs, string> as `${Name}${Separator}${Task}`]: TaskContract<
    `${Name}${Separator}${Task}`,
    Inputs[Task],
    At<Outputs, Task>,
    At<Carriers, Task>
  >;
};

/** The tasks of a worker, for `worker.mount()`. */
export interface WorkerDefinition<Contracts = Registry> extends WorkerPart {
  /** What the tasks are on the wire, by the names of their functions, for `createClient({ contracts })`. */
  readonly contracts: Contracts;
}

/**
 * Puts tasks together under one name: `{ name: 'mail', tasks: { send, receive } }` offers `mail_send`, `mail_receive`,
 * and `mail_help`, which describes them. The contracts of the tasks are those that their schemas and codecs say.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong names, for what is no schema or codec, and for
 * wrong options
 */
export function defineWorker<
  const Name extends string,
  Inputs,
  Outputs,
  Carriers,
  const Separator extends string = '_',
>(
  definition: WorkerDefinitionInput<Name, Separator, Inputs, Outputs, Carriers>,
): WorkerDefinition<TaskContracts<Name, Separator, Inputs, Outputs, Carriers>>;
export function defineWorker(
  definition: Omit<WorkerDefinitionInput<string, string, unknown, unknown, unknown>, 'tasks'> & {
    readonly tasks: Readonly<Record<string, AnyTask>>;
  },
): WorkerDefinition {
  const { name, separator = '_', help = true, setup } = definition;
  const parts = Object.entries(definition.tasks).map(([task, { handler, options = {}, ...described }]) => {
    const contract: FunctionContract = defineFunction({ name: name + separator + task, ...described });
    const { name: functionName, run, settings } = byContract(contract, handler, options);
    return { task, contract, part: { functionName, run, options: settings } };
  });
  const functions: PartFunction[] = parts.map(({ part }) => part);
  if (help) {
    const contracts = Object.fromEntries(parts.map(({ task, contract }) => [task, contract]));
    const answer = JSON.stringify(describeTasks(contracts));
    functions.push({ functionName: helpFunctionName(name, separator), run: () => answer, options: {} });
  }
  const contracts = Object.fromEntries(parts.map(({ contract }) => [contract.name, contract]));
  return { name, functions, setup, contracts: Object.freeze(contracts) };
}
