import { ProtocolError, request, response } from '@gearman/protocol';
import type { FakeTransport } from '@gearman/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canFollow } from '../../src/connection-state.ts';
import { createFakePool, type FakePool } from '../support/fake-pool.ts';

const ECHO = request('ECHO_REQ', { data: new Uint8Array(1) });

/** Everything that can happen to a connection. `of` picks a transport, old ones included. */
const step = fc.record({
  do: fc.constantFrom(
    ...([
      'ask',
      'ask',
      'ask',
      'accept',
      'accept',
      'answer',
      'answer',
      'noop',
      'error',
      'garbage',
      'half',
    ] as const),
    ...(['end', 'end', 'wait', 'wait', 'drain', 'drop', 'option', 'close', 'destroy'] as const),
  ),
  of: fc.nat({ max: 3 }),
  ms: fc.integer({ min: 1, max: 3000 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What a real socket would not do: open twice, speak before it is open, end twice. */
class Network {
  readonly #phases = new Map<FakeTransport, 'dialled' | 'open' | 'over'>();

  act(transport: FakeTransport, { do: what }: Step): void {
    const phase = this.#phases.get(transport) ?? 'dialled';
    if (phase === 'over') return;
    if (what === 'accept' && phase === 'dialled') {
      this.#phases.set(transport, 'open');
      transport.accept();
    } else if (what === 'end') {
      this.#phases.set(transport, 'over');
      transport.close();
    } else if (phase === 'open') {
      if (what === 'answer') transport.reply(response('ECHO_RES', { data: new Uint8Array(1) }));
      else if (what === 'noop') transport.reply(response('NOOP', {}));
      else if (what === 'error') transport.reply(response('ERROR', { code: 'X', text: '' }));
      else if (what === 'garbage') transport.replyBytes('garbage\n');
      else if (what === 'half') transport.replyBytes('\0RES\0\0\0\x11\0\0\0\x05a');
      else if (what === 'drain') transport.handlers.onDrain();
    }
  }
}

interface Outcome {
  readonly asked: number;
  readonly settled: number[];
}

function play(fake: FakePool, steps: readonly Step[]): Outcome {
  const { pool, clock, net, connection } = fake;
  const network = new Network();
  const settled: number[] = [];
  let asked = 0;
  for (const each of steps) {
    if (each.do === 'ask') {
      const id = asked;
      const settle = (): void => {
        settled.push(id);
      };
      // Every third one asks again from its handler, as a worker does.
      const onReplyError = (): void => {
        settle();
        if (id % 3 === 0) expect(connection.send(ECHO)).toBe(connection.ready);
      };
      if (connection.request(ECHO, { onReply: settle, onReplyError }, 500)) asked++;
    } else if (each.do === 'wait') clock.advance(each.ms);
    else if (each.do === 'drop') connection.drop(new ProtocolError('test'));
    else if (each.do === 'option') pool.setOption('exceptions');
    else if (each.do === 'close') connection.close();
    else if (each.do === 'destroy') connection.destroy();
    else {
      const transport = net.attempts.at(-1 - each.of);
      if (transport !== undefined) network.act(transport, each);
    }
  }
  return { asked, settled };
}

test('Connection › settles every request once, makes only allowed steps and leaves no timer, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const fake = createFakePool({ connectTimeoutMs: 1000, reconnect: { maxAttempts: 6 } });
      const { pool, clock, net, events } = fake;
      const { asked, settled } = play(fake, steps);
      const closed = pool.close({ timeoutMs: 50 });
      clock.advance(50);
      await closed;

      expect(settled.toSorted((a, b) => a - b)).toEqual(Array.from({ length: asked }, (_, i) => i));
      expect(clock.nextTimerInMs).toBeUndefined();
      const told = events.length;
      for (const transport of net.attempts) {
        transport.handlers.onDrain();
        transport.close();
      }
      clock.advance(100_000);
      expect(events.length).toBe(told);
      let state = 'connecting';
      for (const event of events) {
        if (event.type !== 'state') continue;
        expect(event.from).toBe(state);
        expect(canFollow(event.from, event.to)).toBe(true);
        state = event.to;
      }
      expect(state).toBe('closed');
    }),
    { numRuns: 300 },
  );
});
