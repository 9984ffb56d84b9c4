/** How the function names of one application tell themselves from those of others on the same servers. */
export interface NamePrefix {
  /** The name as servers know it. */
  add(functionName: string): string;
  /** The name as the application knows it; undefined for names of others. */
  strip(wireName: string): string | undefined;
}

const NONE: NamePrefix = { add: (name) => name, strip: (name) => name };

/** What names begin with; nothing for the empty string. */
export function namePrefix(prefix: string, separator: string): NamePrefix {
  if (prefix === '') return NONE;
  const start = prefix + separator;
  return {
    add: (name) => start + name,
    strip: (name) => (name.startsWith(start) ? name.slice(start.length) : undefined),
  };
}

/** The rows of functions that have the prefix, without it. */
export function stripRows<T extends { readonly functionName: string }>(
  rows: readonly T[],
  prefix: NamePrefix,
): T[] {
  if (prefix === NONE) return [...rows];
  return rows.flatMap((row) => {
    const functionName = prefix.strip(row.functionName);
    return functionName === undefined ? [] : { ...row, functionName };
  });
}

/** The connections that offer functions with the prefix, with these functions only and without it. */
export function stripWorkers<T extends { readonly functionNames: readonly string[] }>(
  workers: readonly T[],
  prefix: NamePrefix,
): T[] {
  if (prefix === NONE) return [...workers];
  return workers.flatMap((worker) => {
    const functionNames = worker.functionNames.flatMap((name) => prefix.strip(name) ?? []);
    return functionNames.length === 0 ? [] : { ...worker, functionNames };
  });
}
