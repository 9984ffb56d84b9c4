import type { FunctionContract } from './contract.ts';
import type { StandardSchema } from './standard-schema.ts';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What is known of one argument. */
export interface ArgumentHelp {
  readonly required: boolean;
  readonly default?: unknown;
}

/** What is known of one task of a worker. */
export interface TaskHelp {
  readonly description?: string | undefined;
  /** What it takes. */
  readonly input?: JsonSchema | undefined;
  /** What it returns. */
  readonly output?: JsonSchema | undefined;
  /** The properties of its input, when that is an object. */
  readonly args?: Readonly<Record<string, ArgumentHelp>> | undefined;
}

/** What `<worker>_help` answers, as JSON: its tasks by name. */
export type HelpDocument = Readonly<Record<string, TaskHelp>>;

/** The name of the function that answers with the {@link HelpDocument} of a worker. */
export function helpFunctionName(worker: string, separator = '_'): string {
  return `${worker}${separator}help`;
}

/**
 * Describes functions.
 *
 * Of schemas it tells what they tell of themselves as JSON Schema. zod's do; those of other libraries, and types that JSON
 * Schema cannot say, such as dates, are left out.
 *
 * @param contracts what is described, by the name that each has within its worker
 */
export function describeTasks(
  contracts: Readonly<Record<string, Pick<FunctionContract, 'input' | 'output' | 'description'>>>,
): HelpDocument {
  const tasks = Object.entries(contracts).map(([task, { input, output, description }]) => {
    const inputSchema = jsonSchemaOf(input);
    const help: TaskHelp = {
      description,
      input: inputSchema,
      output: jsonSchemaOf(output),
      args: argumentsOf(inputSchema),
    };
    return [task, help] as const;
  });
  return Object.fromEntries(tasks);
}

/** What libraries with the JSON Schema part of Standard Schema have. */
interface Convertible {
  readonly input: (options: { readonly target: string }) => JsonSchema;
}

/** How a schema describes what it takes. */
function jsonSchemaOf(schema: StandardSchema | undefined): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  const { jsonSchema } = schema['~standard'] as { readonly jsonSchema?: Convertible };
  try {
    return jsonSchema?.input({ target: 'draft-2020-12' });
  } catch {
    // A type that JSON Schema has no word for.
    return undefined;
  }
}

function argumentsOf(schema: JsonSchema | undefined): Readonly<Record<string, ArgumentHelp>> | undefined {
  const properties = schema?.['properties'];
  if (typeof properties !== 'object' || properties === null) return undefined;
  const required = schema?.['required'];
  const args = Object.entries(properties).map(([name, property]: [string, unknown]) => {
    const isRequired = Array.isArray(required) && required.includes(name);
    const hasDefault = typeof property === 'object' && property !== null && 'default' in property;
    const help: ArgumentHelp = hasDefault
      ? { required: isRequired, default: property.default }
      : { required: isRequired };
    return [name, help] as const;
  });
  return Object.fromEntries(args);
}
