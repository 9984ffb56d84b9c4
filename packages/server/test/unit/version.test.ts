import { readFileSync } from 'node:fs';
import { VERSION } from '@gearman/server';
import { expect, test } from 'vitest';

test('VERSION is the version of the package', () => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(JSON.parse(manifest)).toMatchObject({ version: VERSION });
});
