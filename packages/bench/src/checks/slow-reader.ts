// A client that does not read while a gigabyte of results waits for it: what it costs, and what others notice.
import { once } from 'node:events';
import { connect } from 'node:net';
import { encodePacket, request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import { Peer, startServer } from '../support/peer.ts';

const LIMIT_BYTES = 64 << 20;
// Socket buffers, and what one turn may add before the limit is looked at.
const SLACK_BYTES = 32 << 20;
const WORST_MS = 100;
const DURATION_MS = 15_000;

const { peer, address, port } = await startServer();
const worker = new Peer(new URL('flood-process.js', import.meta.url), address);
await worker.ready;
await using other = await RawConnection.open(port);

const before = await peer.residentBytes();
const slow = connect({ port, host: '127.0.0.1' });
await once(slow, 'connect');
slow.pause();
const submit = request('SUBMIT_JOB', { functionName: 'flood', uniqueId: '', workload: Buffer.alloc(1) });
slow.write(Buffer.concat(encodePacket(submit)));

const latenciesMs: number[] = [];
let mostBytes = 0;
const until = performance.now() + DURATION_MS;
while (performance.now() < until) {
  const startedAt = performance.now();
  other.send(request('ECHO_REQ', { data: Buffer.from('still there?') }));
  await other.expect('ECHO_RES');
  latenciesMs.push(performance.now() - startedAt);
  if (latenciesMs.length % 20 === 0) mostBytes = Math.max(mostBytes, (await peer.residentBytes()) - before);
}
slow.destroy();
await worker.stop();
await peer.stop();

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
latenciesMs.sort((a, b) => a - b);
const worstMs = latenciesMs.at(-1) ?? 0;
const p99Ms = latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0;
process.stdout.write(
  `memory: at most +${mib(mostBytes)} (goal: ${mib(LIMIT_BYTES)} and ${mib(SLACK_BYTES)} slack)\n`,
);
process.stdout.write(
  `${latenciesMs.length} echoes of another client: p99 ${p99Ms.toFixed(2)} ms, worst ${worstMs.toFixed(1)} ms (goal: ${WORST_MS})\n`,
);
process.exitCode = mostBytes <= LIMIT_BYTES + SLACK_BYTES && worstMs <= WORST_MS ? 0 : 1;
