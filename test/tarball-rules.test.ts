import { describe, expect, test } from 'vitest';
import { siblingClosure, tarballComplaints } from '../scripts/lib/tarball-rules.mjs';

const manifest = {
  name: '@gearman/x',
  version: '0.1.0',
  exports: {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
};
const files = [
  'README.md',
  'package.json',
  'dist/index.js',
  'dist/index.js.map',
  'dist/index.d.ts',
  'dist/index.d.ts.map',
  'src/index.ts',
];

describe('tarballComplaints', () => {
  test('accepts sources, what was compiled from them, and a README', () => {
    expect(tarballComplaints(manifest, files)).toEqual([]);
  });

  test.each(['test/unit/a.test.ts', 'src/a.spec.ts', 'src/__tests__/a.ts', 'src/a.snap', 'bench/encode.ts'])(
    'refuses %s',
    (file) => {
      expect(tarballComplaints(manifest, [...files, file])).toEqual([`${file} belongs to tests`]);
    },
  );

  test('accepts names that only look like tests', () => {
    const innocent = ['src/latest.ts', 'dist/latest.js', 'src/test-server.ts', 'dist/test-server.js'];
    expect(tarballComplaints(manifest, [...files, ...innocent])).toEqual([]);
  });

  test('refuses what an earlier build left in dist', () => {
    expect(tarballComplaints(manifest, [...files, 'dist/old.d.ts'])).toEqual([
      'dist/old.d.ts has no source; clean and build',
    ]);
  });

  test('refuses entries and commands that are not packed', () => {
    const wanting = { ...manifest, bin: { x: 'dist/bin.js' } };
    expect(
      tarballComplaints(wanting, ['README.md', 'package.json', 'dist/index.js', 'src/index.ts']),
    ).toEqual([
      'dist/index.d.ts is named in package.json but not packed; build first',
      'dist/bin.js is named in package.json but not packed; build first',
    ]);
  });

  test('refuses compiler state and a missing README', () => {
    const bare = files.filter((file) => file !== 'README.md');
    expect(tarballComplaints(manifest, [...bare, 'dist/.tsbuildinfo'])).toEqual([
      'dist/.tsbuildinfo belongs to the compiler',
      'README.md is missing',
    ]);
  });
});

test('siblingClosure follows dependencies through and leaves foreign packages out', () => {
  const library = (name: string, ...dependencies: string[]) => ({
    name,
    manifest: {
      name,
      version: '1.0.0',
      dependencies: Object.fromEntries(dependencies.map((d) => [d, '1.0.0'])),
    },
  });
  const libraries = [library('a', 'b', 'zod'), library('b', 'c'), library('c'), library('d', 'a')];
  expect(siblingClosure('a', libraries)).toEqual(['a', 'b', 'c']);
});
