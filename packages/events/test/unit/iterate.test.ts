import { iterateEvents } from '@gearman/events';
import { describe, expect, it } from 'vitest';
import { Numbers } from '../support/numbers.ts';

const never = (): boolean => false;
const done = { done: true, value: undefined };

describe('iterateEvents', () => {
  it('keeps events for a slow reader and makes a fast one wait, in order', async () => {
    const numbers = new Numbers();
    const iterator = iterateEvents(numbers, never);
    numbers.send(1);
    numbers.send(2);
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    expect(await iterator.next()).toEqual({ done: false, value: 2 });
    const waiting = [iterator.next(), iterator.next()];
    numbers.send(3);
    numbers.send(4);
    numbers.send(5);
    expect(await Promise.all(waiting)).toEqual([
      { done: false, value: 3 },
      { done: false, value: 4 },
    ]);
    expect(await iterator.next()).toEqual({ done: false, value: 5 });
  });

  it('ends after the last event, for those who wait and those who come later', async () => {
    const numbers = new Numbers();
    const iterator = iterateEvents(numbers, (n) => n === 0);
    const waiting = [iterator.next(), iterator.next(), iterator.next()];
    numbers.send(7);
    numbers.send(0);
    numbers.send(8);
    expect(await Promise.all(waiting)).toEqual([{ done: false, value: 7 }, { done: false, value: 0 }, done]);
    expect(await iterator.next()).toEqual(done);
    expect(numbers.listeners.size).toBe(0);
  });

  it('forgets everything on return()', async () => {
    const numbers = new Numbers();
    const iterator = iterateEvents(numbers, never);
    numbers.send(1);
    const [listener] = numbers.listeners;
    expect(await iterator.return?.()).toEqual(done);
    listener?.(2);
    expect(await iterator.next()).toEqual(done);
    expect(numbers.listeners.size).toBe(0);
  });

  it('releases those who wait on return()', async () => {
    const iterator = iterateEvents(new Numbers(), never);
    const waiting = iterator.next();
    await iterator.return?.();
    expect(await waiting).toEqual(done);
  });

  it('gives the past first', async () => {
    const numbers = new Numbers();
    const iterator = iterateEvents(numbers, (n) => n === 0, [1, 2]);
    numbers.send(3);
    numbers.send(0);
    const seen: number[] = [];
    for await (const n of iterator) seen.push(n);
    expect(seen).toEqual([1, 2, 3, 0]);
  });

  it('does not listen when the past has the last event', async () => {
    const numbers = new Numbers();
    const seen: number[] = [];
    for await (const n of iterateEvents(numbers, (each) => each === 0, [1, 0])) seen.push(n);
    expect(seen).toEqual([1, 0]);
    expect(numbers.listeners.size).toBe(0);
  });
});
