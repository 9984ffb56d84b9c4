import { fileURLToPath } from 'node:url';
import { startOurServer } from '@gearman/testing';
import { expect, test } from 'vitest';
import { textOf } from './support/payload.ts';
import { PeerProcess } from './support/peer-process.ts';

const SCRIPT = fileURLToPath(new URL('scripts/abraxas-streaming.mjs', import.meta.url));

test('with the option "streaming", abraxas gets each piece while the job runs', async () => {
  await using server = await startOurServer();
  await using peer = new PeerProcess([process.execPath, SCRIPT, String(server.port)]);
  expect(textOf(await peer.expect('data'))).toBe('first');
  expect(textOf(await peer.expect('data'))).toBe('last');
  await peer.expect('end');
});
