import { InvalidArgumentError } from '@gearman/protocol';

/** How deep a value may be: what is deeper refers to itself, or is none of ours. */
const DEEPEST = 100;

/**
 * A value as JSON text that is the same for equal values: the keys of objects are sorted, those without a value left out.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for what JSON would change or lose
 */
export function toCanonicalJson(value: unknown, where: string, depth = 0): string {
  if (depth > DEEPEST) throw new InvalidArgumentError(`${where}: the value is nested too deep`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => toCanonicalJson(item, where, depth + 1)).join(',')}]`;
  }
  if (isPlainObject(value)) {
    const members = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${toCanonicalJson(value[key], where, depth + 1)}`);
    return `{${members.join(',')}}`;
  }
  throw new InvalidArgumentError(`${where}: ${nameOf(value)} is no JSON`);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function nameOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return `a value of type ${typeof value}`;
  return `an object of the class ${value.constructor.name}`;
}
