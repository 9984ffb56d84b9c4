import { defineFunction } from '@gearman/protocol/payload';
import { z } from 'zod';

/** What the workers can do, by the names of their functions. */
export const OPERATIONS = new Map<string, (a: number, b: number) => number>([
  ['add', (a, b) => a + b],
  ['subtract', (a, b) => a - b],
  ['multiply', (a, b) => a * b],
  ['divide', divide],
]);

/** What an operation takes and gives, for both sides: [1,2] and a number, as JSON. */
export function contractOf(name: string) {
  return defineFunction({ name, input: z.tuple([z.number(), z.number()]), output: z.number() });
}

function divide(a: number, b: number): number {
  if (b === 0) throw new RangeError('division by zero');
  return a / b;
}
