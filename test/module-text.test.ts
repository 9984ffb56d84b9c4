import { describe, expect, test } from 'vitest';
import { exportsOf, importsOf } from './support/module-text.ts';

describe('importsOf', () => {
  test('finds every way to name a module', () => {
    const text = [
      "import { a, type B } from 'one';",
      "import type { C } from 'two';",
      "import { type D, type E as F } from 'three';",
      'import {',
      '  g as h,',
      "} from 'four';",
      "import 'five';",
      "import * as i from 'six';",
      "import j, { k } from 'seven';",
      "export { l } from 'eight';",
      "const m = await import('nine');",
      "type N = import('ten').N;",
      "const o = require('eleven');",
    ].join('\n');
    expect(importsOf(text)).toEqual([
      { specifier: 'one', names: ['a', 'B'], typeOnly: false },
      { specifier: 'two', names: ['C'], typeOnly: true },
      { specifier: 'three', names: ['D', 'E'], typeOnly: true },
      { specifier: 'four', names: ['g'], typeOnly: false },
      { specifier: 'six', names: ['* as i'], typeOnly: false },
      { specifier: 'seven', names: ['k', 'j'], typeOnly: false },
      { specifier: 'eight', names: ['l'], typeOnly: false },
      { specifier: 'five', names: [], typeOnly: false },
      { specifier: 'nine', names: [], typeOnly: false },
      { specifier: 'ten', names: [], typeOnly: false },
      { specifier: 'eleven', names: [], typeOnly: false },
    ]);
  });

  test('does not take an example in a comment for code', () => {
    const text = "/**\n * import { a } from 'one';\n */\n// import 'two';\nconst text = 'import';\n";
    expect(importsOf(text)).toEqual([]);
  });
});

describe('exportsOf', () => {
  test('tells values from types and uses the public name', () => {
    const text = [
      "export { b, a as c, type T } from './x.ts';",
      '// for other libraries',
      "export type { U } from './y.ts';",
    ].join('\n');
    expect(exportsOf(text)).toEqual([
      { name: 'T', kind: 'type' },
      { name: 'U', kind: 'type' },
      { name: 'b', kind: 'value' },
      { name: 'c', kind: 'value' },
    ]);
  });

  test.each(["export * from './x.ts';", 'export default 1;', 'export const a = 1;', "import './x.ts';"])(
    'refuses an index file with %s',
    (text) => {
      expect(() => exportsOf(text)).toThrow('not a list of named exports');
    },
  );
});
