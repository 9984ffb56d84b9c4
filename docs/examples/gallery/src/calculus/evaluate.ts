import type { Client } from '@gearman/client';
import { type Operand, type Operation, operationsIn } from './expression.ts';

/**
 * Computes an expression, one job for each operation. All operations whose operands are known run at once; what needs
 * their results comes in the next round.
 *
 * @throws the error of the first job that fails
 */
export async function evaluate(client: Client, expression: Operand): Promise<number> {
  const known = new Map<Operation, number>();
  const resultOf = (operand: Operand) => (typeof operand === 'number' ? operand : known.get(operand));

  let open = operationsIn(expression);
  while (open.length > 0) {
    const round = open.filter(({ operands }) => operands.every((each) => resultOf(each) !== undefined));
    const set = client.taskSet();
    for (const { functionName, operands } of round) {
      set.add(functionName, JSON.stringify(operands.map(resultOf)), { responseTimeoutMs: 10_000 });
    }
    for await (const result of set) {
      if (!result.ok) throw result.error;
      const operation = round[result.index];
      if (operation !== undefined) known.set(operation, Number(String(result.value)));
    }
    open = open.filter((operation) => !known.has(operation));
  }
  return Number(resultOf(expression));
}
