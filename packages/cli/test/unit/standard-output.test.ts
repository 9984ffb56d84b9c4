import { expect, test } from 'vitest';
import { StandardOutput } from '../../src/classic/standard-output.ts';

function outputTo(isTerminal: boolean): { readonly output: StandardOutput; readonly said: () => string[] } {
  const written: string[] = [];
  const output = new StandardOutput((bytes) => written.push(Buffer.from(bytes).toString()), isTerminal);
  return { output, said: () => written };
}

test('in a pipe, text waits for the end and bytes do not', () => {
  const { output, said } = outputTo(false);
  output.text('50% Complete\n');
  output.bytes(Buffer.from('result'));
  expect(said()).toEqual(['result']);
  output.flush();
  output.flush();
  expect(said()).toEqual(['result', '50% Complete\n']);
});

test('on a terminal, lines go out at their end', () => {
  const { output, said } = outputTo(true);
  output.text('name: ');
  expect(said()).toEqual([]);
  output.text('50% Complete\n');
  expect(said()).toEqual(['name: 50% Complete\n']);
});

test('in a pipe, no more waits than the C library keeps', () => {
  const { output, said } = outputTo(false);
  output.text('x'.repeat(10_000));
  expect(said().map(({ length }) => length)).toEqual([4096, 4096]);
});
