import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from '@gearman/protocol';
import type { Handler } from '../registry.ts';
import type { Worker } from '../worker.ts';
import type { WorkerPart } from '../worker-part.ts';
import type { ModuleSource } from './messages.ts';

/** What is called when the worker has stopped. */
export type Teardown = () => unknown;

/**
 * What a module for the supervisor exports as its default: functions by their names, what `defineWorker()` or
 * `createStoreAndForward()` made, or a function that registers what it likes. What that returns, if it is a function, is
 * called when the worker has stopped.
 */
export type WorkerModule = Readonly<Record<string, Handler>> | WorkerPart | ((worker: Worker) => unknown);

/** Registers what the modules export; resolves with what is to be done at the end. Rejects with what a module throws. */
export async function loadModules(worker: Worker, source: ModuleSource): Promise<Teardown[]> {
  const teardowns: Teardown[] = [];
  for (const url of source.urls) {
    const found = defaultOf(await import(url));
    if (source.isFolder && typeof found === 'function') {
      // A folder's convention; whether it can be called was just asked.
      worker.register(functionNameOf(url), found as Handler);
    } else if (typeof found === 'function') {
      const teardown: unknown = await found(worker);
      if (typeof teardown === 'function') teardowns.push(() => teardown());
    } else if (isPart(found)) worker.mount(found);
    else registerAll(worker, found, url);
  }
  const offered = worker.status().functions;
  for (const name of source.functions ?? []) {
    if (!offered.includes(name)) throw new InvalidArgumentError(`the module has no function "${name}"`);
  }
  if (source.functions !== undefined) {
    for (const name of offered) if (!source.functions.includes(name)) await worker.unregister(name);
  }
  if (worker.status().functions.length === 0) {
    throw new InvalidArgumentError(
      'the module offers no function; export functions by their names as default, or a function that registers them',
    );
  }
  return teardowns;
}

/** CommonJS that was compiled from ES modules has its default one deeper. */
function defaultOf(loaded: { readonly default?: unknown }): unknown {
  const { default: found } = loaded;
  if (typeof found === 'object' && found !== null && '__esModule' in found && 'default' in found) {
    return found.default;
  }
  return found;
}

function isPart(value: unknown): value is WorkerPart {
  return (
    typeof value === 'object' && value !== null && 'functions' in value && Array.isArray(value.functions)
  );
}

function registerAll(worker: Worker, found: unknown, url: string): void {
  if (typeof found !== 'object' || found === null) {
    throw new InvalidArgumentError(
      `${url} exports no default; it must be functions by their names, a worker definition, or a function`,
    );
  }
  // register() refuses what is no function.
  for (const [name, handler] of Object.entries(found)) worker.register(name, handler as Handler);
}

const functionNameOf = (url: string): string => {
  const path = fileURLToPath(url);
  return basename(path, extname(path));
};
