/** A number, or what is to be computed first. */
export type Operand = number | Operation;

/** A function and what to call it with. */
export interface Operation {
  readonly functionName: string;
  readonly operands: readonly [Operand, Operand];
}

// The stronger one binds first.
const OPERATORS = new Map([
  ['+', { functionName: 'add', strength: 1 }],
  ['-', { functionName: 'subtract', strength: 1 }],
  ['*', { functionName: 'multiply', strength: 2 }],
  ['/', { functionName: 'divide', strength: 2 }],
]);

const TOKEN = /\d+(?:\.\d+)?|\S/g;

/**
 * Reads numbers, `+ - * /` and parentheses: `(1+2)*3` becomes `multiply(add(1, 2), 3)`.
 *
 * @throws SyntaxError
 */
export function parse(text: string): Operand {
  const tokens = text.match(TOKEN) ?? [];
  let next = 0;

  const operation = (weakest: number): Operand => {
    let left = operand();
    for (;;) {
      const operator = OPERATORS.get(tokens[next] ?? '');
      if (operator === undefined || operator.strength < weakest) return left;
      next++;
      left = { functionName: operator.functionName, operands: [left, operation(operator.strength + 1)] };
    }
  };

  const operand = (): Operand => {
    const token = tokens[next++] ?? 'the end';
    if (token === '(') {
      const inside = operation(1);
      if (tokens[next++] !== ')') throw new SyntaxError('a ")" is missing');
      return inside;
    }
    if (token === '-') return { functionName: 'subtract', operands: [0, operand()] };
    if (!/\d/.test(token)) throw new SyntaxError(`expected a number, not ${token}`);
    return Number(token);
  };

  const whole = operation(1);
  if (next < tokens.length) throw new SyntaxError(`did not expect ${tokens[next]}`);
  return whole;
}

/** All operations of an expression. */
export function operationsIn(expression: Operand): Operation[] {
  if (typeof expression === 'number') return [];
  return [expression, ...expression.operands.flatMap(operationsIn)];
}
