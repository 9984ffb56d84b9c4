import { execFileSync } from 'node:child_process';
import { findGearmand, shouldTestGearmand } from '@gearman/testing';
import { expect, test } from 'vitest';
import { OPTION_TABLE } from '../../src/gearmand/option-table.ts';

test.skipIf(!shouldTestGearmand())('knows every option of the gearmand that is installed here', () => {
  const help = execFileSync(findGearmand() ?? 'gearmand', ['--help'], { encoding: 'utf8' });
  const options = [...help.matchAll(/^ {2}(?:-\w \[ )?--([\w-]+)/gm)].map(([, name = '']) => name);
  expect(options.length).toBeGreaterThan(30);
  expect(options.filter((name) => !OPTION_TABLE.has(name))).toEqual([]);
});
