import { defineFunction, helpFunctionName } from '@gearman/protocol/payload';
import { z } from 'zod';
import type { SubmitOptions } from './options.ts';

/** Options of `client.help()`. */
export interface HelpOptions extends SubmitOptions {
  /** What stands between the names of a worker and its task. @defaultValue `'_'` */
  readonly separator?: string;
}

const text = z
  .string()
  .nullish()
  // Python's None.
  .transform((value) => value ?? undefined);
const jsonSchema = z.record(z.string(), z.unknown()).optional();
const argument = z.object({ required: z.boolean(), default: z.unknown().optional() });
const document = z.record(
  z.string(),
  z.object({
    description: text,
    input: jsonSchema,
    output: jsonSchema,
    args: z.record(z.string(), argument).optional(),
  }),
);

/** The function that describes the tasks of a worker. */
export function helpContract(worker: string, separator: string | undefined) {
  return defineFunction({ name: helpFunctionName(worker, separator), output: document });
}
