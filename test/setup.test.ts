import { describe, expect, test } from 'vitest';
import { type Lock, satisfies, whyOutdated } from '../scripts/lib/install-state.mjs';

const lock: Lock = {
  packages: {
    '': {},
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/a/node_modules/b': { version: '2.0.0', integrity: 'sha512-b' },
    'node_modules/other-platform': { version: '1.0.0', integrity: 'sha512-o', optional: true },
    'node_modules/@gearman/client': { resolved: 'packages/client', link: true },
    'packages/client': { version: '0.1.0' },
    'packages/client/node_modules/c': { version: '3.0.0', integrity: 'sha512-c' },
  },
};

/** What npm leaves behind after `npm ci`: all of the lock but the root and other platforms' packages. */
function installedExcept(path?: string, instead?: Lock['packages'][string]): Lock {
  const { '': _root, 'node_modules/other-platform': _other, ...packages } = lock.packages;
  if (path !== undefined) delete packages[path];
  if (path !== undefined && instead !== undefined) packages[path] = instead;
  return { packages };
}

const good = {
  lock,
  installed: installedExcept(),
  isPresent: () => true,
  linkTarget: (): string | undefined => 'packages/client',
};

describe('whyOutdated', () => {
  test('is content with what npm ci leaves behind', () => {
    expect(whyOutdated(good)).toBeUndefined();
  });

  test('wants an install when npm never finished one', () => {
    expect(whyOutdated({ ...good, installed: undefined })).toBe('node_modules is missing or incomplete');
  });

  test.each(['node_modules/a', 'node_modules/a/node_modules/b', 'packages/client/node_modules/c'])(
    'wants an install when %s is missing',
    (path) => {
      expect(whyOutdated({ ...good, installed: installedExcept(path) })).toBe(`${path} is not installed`);
    },
  );

  test('wants an install when a version differs', () => {
    const installed = installedExcept('node_modules/a', { version: '0.9.0', integrity: 'sha512-a' });
    expect(whyOutdated({ ...good, installed })).toBe('node_modules/a is 0.9.0, wanted 1.0.0');
  });

  test('wants an install when the contents differ under the same version', () => {
    const installed = installedExcept('node_modules/a', { version: '1.0.0', integrity: 'sha512-x' });
    expect(whyOutdated({ ...good, installed })).toMatch('node_modules/a has other contents');
  });

  test('wants an install when a folder was deleted after the install', () => {
    const isPresent = (path: string): boolean => path !== 'node_modules/a/node_modules/b';
    expect(whyOutdated({ ...good, isPresent })).toBe('node_modules/a/node_modules/b was deleted');
  });

  test('does not mind packages of other platforms', () => {
    const isPresent = (path: string): boolean => path !== 'node_modules/other-platform';
    expect(whyOutdated({ ...good, isPresent })).toBeUndefined();
  });

  test.each([undefined, 'packages/renamed', '../elsewhere/client'])(
    'wants an install when the link of a workspace leads to %s',
    (target) => {
      const reason = whyOutdated({ ...good, linkTarget: () => target });
      expect(reason).toBe('node_modules/@gearman/client is no link to packages/client');
    },
  );
});

describe('satisfies', () => {
  test.each([
    ['v20.19.0', '>=20.19.0', true],
    ['v20.20.2', '>=20.19.0', true],
    ['v22.0.0', '>=20.19.0', true],
    ['v20.9.0', '>=20.19.0', false],
    ['v18.20.8', '>=20.19.0', false],
    ['9.9.9', '>=10', false],
    ['11.19.1', '>=10', true],
    ['10.0.0', '>= 10', true],
  ])('%s against %s is %s', (version, range, expected) => {
    expect(satisfies(version, range)).toBe(expected);
  });

  test('refuses a range it cannot read rather than pass everything', () => {
    expect(() => satisfies('20.0.0', '^20 || ^22')).toThrow('engines');
  });
});
