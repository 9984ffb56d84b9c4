import type { Client } from '@gearman/client';
import { type Operand, type Operation, operationsIn } from './expression.ts';
import { contractOf } from './operations.ts';

/**
 * Computes an expression, one job for each operation. All operations whose operands are known run at once; what needs
 * their results comes in the next round.
 *
 * @throws the error of the first job that fails
 */
export async function evaluate(client: Client, expression: Operand): Promise<number> {
  const known = new Map<Operation, number>();
  const numberOf = (operand: Operand) => (typeof operand === 'number' ? operand : known.get(operand));

  let open = operationsIn(expression);
  while (open.length > 0) {
    const round: Operation[] = [];
    const set = client.taskSet<number>();
    for (const operation of open) {
      const [left, right] = [numberOf(operation.operands[0]), numberOf(operation.operands[1])];
      if (left === undefined || right === undefined) continue;
      set.add(contractOf(operation.functionName), [left, right], { responseTimeoutMs: 10_000 });
      round.push(operation);
    }
    for await (const result of set) {
      if (!result.ok) throw result.error;
      const operation = round[result.index];
      if (operation !== undefined && result.value !== undefined) known.set(operation, result.value);
    }
    open = open.filter((operation) => !known.has(operation));
  }
  return numberOf(expression) ?? Number.NaN;
}
