import {
  type AnyCodec,
  defineFunction,
  describeTasks,
  type FunctionContract,
  helpFunctionName,
  type StandardSchema,
} from '@gearman/protocol/payload';
import { byContract, type ContractJob } from './contract-job.ts';
import type { RegisterOptions } from './register-options.ts';
import type { Setup } from './setups.ts';
import type { PartFunction, WorkerPart } from './worker-part.ts';

/** A job of a task. */
export type TaskJob<Input> = Omit<ContractJob, 'data'> & {
  /** What the client sent, decoded, and as the task's `input` gives it. */
  readonly data: Input;
};

/** One task of a worker: what it takes, what it gives, and who does it. */
export interface TaskDefinition<Input> {
  /** Checks what the client sends; the handler is not called for anything else. @defaultValue anything JSON carries */
  readonly input?: StandardSchema<unknown, Input>;
  /** Checks what the handler returns. @defaultValue anything the codec carries */
  readonly output?: StandardSchema;
  /** How values become bytes. @defaultValue JSON */
  readonly codec?: AnyCodec;
  /** For people, see `client.help()`. */
  readonly description?: string;
  /** Returns the result, or promises it. Otherwise as {@link ContractHandler}. */
  readonly handler: (job: TaskJob<Input>) => unknown;
  /** Time limit, concurrency and the like. */
  readonly options?: RegisterOptions;
}

/** The argument of {@link defineWorker}. */
export interface WorkerDefinitionInput<Inputs> {
  /** What comes before the names of all tasks. */
  readonly name: string;
  /** What stands between that and the name of a task. @defaultValue `'_'` */
  readonly separator?: string;
  /** Whether to answer `<name>_help` with a description of the tasks. @defaultValue true */
  readonly help?: boolean;
  /** Called once by `worker.start()`, before any server hears of a task. */
  readonly setup?: Setup;
  readonly tasks: { readonly [Task in keyof Inputs]: TaskDefinition<Inputs[Task]> };
}

/** The tasks of a worker, for `worker.mount()`. */
export interface WorkerDefinition extends WorkerPart {
  /** What the tasks are on the wire, by their names here. */
  readonly contracts: Readonly<Record<string, FunctionContract>>;
}

/**
 * Puts tasks together under one name: `{ name: 'mail', tasks: { send, receive } }` offers `mail_send`, `mail_receive`,
 * and `mail_help`, which describes them.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong names, for what is no schema or codec, and for
 * wrong options
 */
export function defineWorker<Inputs>(definition: WorkerDefinitionInput<Inputs>): WorkerDefinition {
  const { name, separator = '_', help = true, setup } = definition;
  // Each handler takes what its own schema brings, so what all tasks have in common is that nothing is known of it.
  const tasks = Object.entries(definition.tasks as unknown as Record<string, TaskDefinition<never>>);
  const parts = tasks.map(([task, { input, output, codec, description, handler, options = {} }]) => {
    const contract: FunctionContract = defineFunction({
      name: name + separator + task,
      ...(input !== undefined && { input }),
      ...(output !== undefined && { output }),
      ...(codec !== undefined && { codec }),
      ...(description !== undefined && { description }),
    });
    // The contract's schema brings what the handler takes.
    const { name: functionName, run, settings } = byContract(contract, handler as never, options);
    return { task, contract, part: { functionName, run, options: settings } };
  });
  const contracts = Object.fromEntries(parts.map(({ task, contract }) => [task, contract]));
  const functions: PartFunction[] = parts.map(({ part }) => part);
  if (help) {
    const answer = JSON.stringify(describeTasks(contracts));
    functions.push({ functionName: helpFunctionName(name, separator), run: () => answer, options: {} });
  }
  return { name, functions, setup, contracts };
}
