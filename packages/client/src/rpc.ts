import { InvalidArgumentError } from '@gearman/protocol';
import { defineFunction, type FunctionContract, type NameOf, type Registry } from '@gearman/protocol/payload';
import type { CallOf, JobOf } from './calls.ts';
import type { Job } from './job.ts';
import type { SubmitOptions } from './options.ts';

/** Options of `client.rpc()`. */
export interface RpcOptions<Separator extends string = string> {
  /** What stands between the names of a worker and its task: `rpc.mail.send()` calls `mail_send`. @defaultValue `'_'` */
  readonly separator?: Separator;
}

/** Calls one function; the job is that of `submit()`. */
export type RpcCall<C extends FunctionContract> = (...call: CallOf<C, SubmitOptions>) => JobOf<C>;

type Head<Name, Separator extends string> = Name extends `${infer First}${Separator}${string}` ? First : Name;
type Below<R, First extends string, Separator extends string> = {
  [Name in keyof R as Name extends `${First}${Separator}${infer Rest}` ? Rest : never]: R[Name];
};
type CallOrNothing<R, Name> = Name extends keyof R
  ? R[Name] extends FunctionContract
    ? RpcCall<R[Name]>
    : unknown
  : unknown;

/** The functions of a registry as methods, by their names in parts: `rpc.mail.send(…)`. */
export type RpcTree<R, Separator extends string> = {
  readonly [First in Head<NameOf<R>, Separator>]: CallOrNothing<R, First> &
    RpcTree<Below<R, First, Separator>, Separator>;
};

/** The functions of a registry as methods: `rpc.mail_send(…)` and `rpc.mail.send(…)` call the same. */
export type Rpc<R, Separator extends string> = RpcTree<R, Separator> & {
  readonly [Name in NameOf<R>]: CallOrNothing<R, Name>;
};

/**
 * Functions that are described by types alone, and speak JSON:
 * `rpc<{ mail: { send(input: { to: string }): number } }>()`. Nothing is checked at run time.
 */
export type RpcOf<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends (...input: infer Input) => infer Output
    ? (...call: [...input: Input, options?: SubmitOptions]) => Job<Awaited<Output>>
    : RpcOf<Api[Name]>;
};

/** Whatever functions there may be, with JSON. */
export interface AnyRpc {
  (input?: unknown, options?: SubmitOptions): Job<unknown>;
  readonly [name: string]: AnyRpc;
}

/** What calls a function of a proxy. */
export type RpcSubmit = (
  contract: FunctionContract,
  input: unknown,
  options: SubmitOptions | undefined,
) => Job<unknown, unknown>;

// JavaScript asks these of every object by itself: awaiting, printing or serializing a proxy must not submit a job.
const ASKED_BY_JAVASCRIPT: ReadonlySet<string> = new Set(['then', 'toJSON', 'toString', 'valueOf']);

/** Builds the proxy behind `client.rpc()`. Functions that are not in the registry speak JSON. */
export function createRpc(submit: RpcSubmit, contracts: Registry, separator: string): unknown {
  const call = (name: string, input: unknown, options: SubmitOptions | undefined): Job<unknown, unknown> => {
    const known = Object.hasOwn(contracts, name) ? contracts[name] : undefined;
    return submit(known ?? defineFunction({ name }), input, options);
  };
  const childOf = (name: string, key: string | symbol): unknown => {
    if (typeof key === 'symbol' || ASKED_BY_JAVASCRIPT.has(key)) return undefined;
    return functionNamed(name === '' ? key : name + separator + key);
  };
  const functionNamed = (name: string): unknown =>
    new Proxy(NOTHING, {
      get: (_target, key) => childOf(name, key),
      apply: (_target, _self, [input, options, ...more]: [unknown?, SubmitOptions?, ...unknown[]]) => {
        if (more.length > 0) throw new InvalidArgumentError(`rpc: "${name}" takes one input and options`);
        return call(name, input, options);
      },
    });
  return new Proxy({}, { get: (_target, key) => childOf('', key) });
}

/** What a proxy of a function stands before; never called. */
const NOTHING = (): void => {};
