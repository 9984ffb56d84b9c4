import { type Packet, ProtocolError, response } from '@gearman/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClosedError, ServerError } from '../../src/errors.ts';
import { type AnsweredRequest, type CommandAnswer, REPLIES, ReplyQueue } from '../../src/reply-queue.ts';

const error = new ClosedError('test');
const echo = (text = ''): Packet => response('ECHO_RES', { data: Buffer.from(text) });

/** A queue whose requests write what they hear to a log. */
function createQueue() {
  const queue = new ReplyQueue();
  const log: string[] = [];
  const handler = (name: string) => ({
    onReply: (packet: Packet) => log.push(`${name} ${packet.type}`),
    onLines: (lines: string[]) => log.push(`${name} ${lines.join('|')}`),
    onReplyError: (cause: Error) => log.push(`${name} ${cause.message}`),
  });
  const ask = (name: string, type: AnsweredRequest, deadlineMs = Number.POSITIVE_INFINITY): void =>
    queue.push({
      kind: 'packet',
      request: type,
      expects: REPLIES[type],
      handler: handler(name),
      timeoutMs: 1,
      deadlineMs,
    });
  const command = (name: string, answer: CommandAnswer, deadlineMs = Number.POSITIVE_INFINITY): void =>
    queue.push({
      kind: 'lines',
      request: name,
      answer,
      lines: [],
      handler: handler(name),
      timeoutMs: 1,
      deadlineMs,
    });
  return { queue, log, ask, command };
}

describe('ReplyQueue', () => {
  test('gives answers to requests in their order', () => {
    const { queue, log, ask } = createQueue();
    ask('a', 'ECHO_REQ');
    ask('b', 'GRAB_JOB_ALL');
    expect(queue.deliver(echo())).toBeUndefined();
    expect(queue.deliver(response('NO_JOB', {}))).toBeUndefined();
    expect(log).toEqual(['a ECHO_RES', 'b NO_JOB']);
    expect(queue.length).toBe(0);
  });

  test.each([
    ['a packet nobody asked for', 'the server sent ECHO_RES while nothing was asked'],
    [
      'a packet that answers another request',
      'the server sent ECHO_RES while SUBMIT_JOB waits for its answer',
    ],
  ])('reports %s and keeps the request', (_, message) => {
    const { queue, log, ask } = createQueue();
    if (message.includes('SUBMIT')) ask('a', 'SUBMIT_JOB');
    expect(queue.deliver(echo())).toEqual(new ProtocolError(message));
    expect(log).toEqual([]);
  });

  test('reports a text line while a packet is due, and a packet while a line is due', () => {
    const { queue, ask, command } = createQueue();
    ask('a', 'ECHO_REQ');
    expect(queue.deliverLine('hello')?.message).toMatch(/a text line while ECHO_REQ waits/);
    queue.failAll(error);
    command('version', 'value');
    expect(queue.deliver(echo())?.message).toMatch(/ECHO_RES while version waits/);
  });

  test.each<[CommandAnswer, string[], string]>([
    ['value', ['OK 1'], 'OK 1'],
    ['done', ['ERR no'], 'ERR no'],
    ['list', ['a', '', 'b', '.'], 'a||b'],
    ['list', ['.'], ''],
    ['list', ['ERR UNKNOWN'], 'ERR UNKNOWN'],
  ])('ends an answer of kind %s where it should: %j', (kind, lines, heard) => {
    const { queue, log, command } = createQueue();
    command('c', kind);
    for (const [i, line] of lines.entries()) {
      expect(queue.length).toBe(1);
      expect(queue.deliverLine(line), `line ${i}`).toBeUndefined();
    }
    expect(log).toEqual([`c ${heard}`]);
    expect(queue.length).toBe(0);
  });

  test('ends a fenced answer only at the packet behind it, whatever the lines are', () => {
    const { queue, log, command } = createQueue();
    command('c', 'fenced');
    for (const line of ['.', 'ERR x', '', '.']) expect(queue.deliverLine(line)).toBeUndefined();
    expect(log).toEqual([]);
    expect(queue.deliver(echo())).toBeUndefined();
    expect(log).toEqual(['c .|ERR x||.']);
  });

  test('fails the oldest request with an ERROR packet, but never a text command', () => {
    const { queue, log, ask, command } = createQueue();
    ask('a', 'OPTION_REQ');
    command('b', 'list');
    expect(queue.failOldest(new ServerError('s:1', 'UNKNOWN_OPTION', 'no'))).toBe(true);
    expect(queue.failOldest(new ServerError('s:1', 'QUEUE_ERROR', ''))).toBe(false);
    expect(log).toEqual(['a s:1 refused: UNKNOWN_OPTION (no)']);
    expect(queue.length).toBe(1);
  });

  test('a request that expired keeps its place, so that a late answer goes to nobody else', () => {
    const { queue, log, ask } = createQueue();
    ask('a', 'ECHO_REQ', 10);
    ask('b', 'ECHO_REQ', 20);
    expect(queue.expire(9, () => error)).toBe(10);
    expect(queue.expire(10, () => error)).toBe(20);
    queue.deliver(echo());
    queue.deliver(echo());
    expect(log).toEqual(['a test', 'b ECHO_RES']);
  });

  test('keeps no lines of a command that expired', () => {
    const { queue, log, ask, command } = createQueue();
    command('c', 'list', 10);
    ask('b', 'ECHO_REQ');
    queue.expire(10, () => error);
    for (const line of ['a', 'b', '.']) queue.deliverLine(line);
    queue.deliver(echo());
    expect(log).toEqual(['c test', 'b ECHO_RES']);
  });

  test('settles each request once, even when the handler of an expired one fails all', () => {
    const queue = new ReplyQueue();
    const heard: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      queue.push({
        kind: 'packet',
        request: 'ECHO_REQ',
        expects: REPLIES.ECHO_REQ,
        handler: {
          onReply: () => heard.push(`${name} reply`),
          onReplyError: () => {
            heard.push(name);
            queue.failAll(error);
          },
        },
        timeoutMs: 1,
        deadlineMs: name === 'c' ? 20 : 10,
      });
    }
    expect(queue.expire(10, () => error)).toBe(Number.POSITIVE_INFINITY);
    expect(heard.toSorted()).toEqual(['a', 'b', 'c']);
  });

  test('settles every request exactly once, in order, whatever happens', () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('ask' as const), afterMs: fc.integer({ min: 1, max: 50 }) }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const) }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
        const { queue, log, ask } = createQueue();
        let asked = 0;
        let nowMs = 0;
        for (const each of steps) {
          if (each.do === 'ask') ask(String(asked++), 'ECHO_REQ', nowMs + each.afterMs);
          else if (each.do === 'answer') queue.deliver(echo());
          else if (each.do === 'refuse') queue.failOldest(error);
          else {
            nowMs += each.ms;
            queue.expire(nowMs, () => new ClosedError('late'));
          }
        }
        queue.failAll(error);
        const names = log.map((line) => Number(line.split(' ')[0]));
        expect(names.toSorted((a, b) => a - b)).toEqual(Array.from({ length: asked }, (_, i) => i));
        const answered = log.filter((line) => line.endsWith('RES')).map((line) => Number(line.split(' ')[0]));
        expect(answered).toEqual(answered.toSorted((a, b) => a - b));
        expect(queue.length).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
