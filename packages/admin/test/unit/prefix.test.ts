import { FakeDial } from '@gearman/testing';
import { expect, test, vi } from 'vitest';
import { createAdmin } from '../../src/index.ts';
import { namePrefix, stripRows, stripWorkers } from '../../src/prefix.ts';

const shop = namePrefix('shop', '\t');

test('reports show only names with the prefix, without it', () => {
  const rows = [{ functionName: 'shop\tmail' }, { functionName: 'shopping' }, { functionName: 'mail' }];
  expect(stripRows(rows, shop)).toEqual([{ functionName: 'mail' }]);
  expect(stripRows(rows, namePrefix('', '\t'))).toEqual(rows);
});

test('an empty separator makes a name space of another kind', () => {
  expect(stripRows([{ functionName: 'shop.mail' }], namePrefix('shop.', ''))).toEqual([
    { functionName: 'mail' },
  ]);
});

test('workers that offer nothing with the prefix are not shown', () => {
  const workers = [
    { clientId: 'both', functionNames: ['shop\tmail', 'resize'] },
    { clientId: 'other', functionNames: ['resize'] },
    { clientId: null, functionNames: [] },
  ];
  expect(stripWorkers(workers, shop)).toEqual([{ clientId: 'both', functionNames: ['mail'] }]);
});

test.each([
  ['create function shop\tmail', {}],
  ['create function shop.mail', { prefixSeparator: '.' }],
])('sends %j', async (line, options) => {
  const wire = new FakeDial();
  const admin = createAdmin({ servers: 'a', dial: wire.dial, prefix: 'shop', ...options });
  const answer = admin.createFunction('mail');
  wire.last.accept();
  await vi.waitFor(() => expect(wire.last.types[0]).toBe(line));
  wire.last.close();
  await expect(answer).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST' });
});

test.each([{ prefix: 'two words' }, { prefix: 'a', prefixSeparator: '\n' }])('refuses %j', (options) => {
  expect(() => createAdmin(options)).toThrow(/must hold no space/);
});

test('a prefix does not make a name of nothing', async () => {
  const admin = createAdmin({ servers: 'a', dial: new FakeDial().dial, prefix: 'shop' });
  await expect(admin.createFunction('')).rejects.toMatchObject({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
});
