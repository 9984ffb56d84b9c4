import { observe } from '@gearman/events';
import { map, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Numbers } from '../support/numbers.ts';

const isZero = (n: number): boolean => n === 0;

describe('observe', () => {
  it('is hot, listens per subscriber and stops on unsubscribe', () => {
    const numbers = new Numbers();
    const numbers$ = observe(numbers, isZero);
    numbers.send(1);
    expect(numbers.listeners.size).toBe(0);
    const seen: number[] = [];
    const subscription = numbers$.subscribe((n) => seen.push(n));
    numbers.send(2);
    subscription.unsubscribe();
    numbers.send(3);
    expect(seen).toEqual([2]);
    expect(numbers.listeners.size).toBe(0);
  });

  it('completes after the last event and works with operators', () => {
    const numbers = new Numbers();
    const results: number[][] = [];
    observe(numbers, isZero)
      .pipe(
        map((n) => n * 10),
        toArray(),
      )
      .subscribe((result) => results.push(result));
    for (const n of [1, 2, 0, 3]) numbers.send(n);
    expect(results).toEqual([[10, 20, 0]]);
    expect(numbers.listeners.size).toBe(0);
  });

  it('tells the past first, and behind it what happens meanwhile', () => {
    const numbers = new Numbers();
    const seen: number[] = [];
    let complete = false;
    observe(numbers, isZero, () => [1, 2]).subscribe({
      next: (n) => {
        seen.push(n);
        // A subscriber that makes events happen.
        if (n === 1) numbers.send(3);
        if (n === 3) numbers.send(4);
      },
      complete: () => {
        complete = true;
      },
    });
    numbers.send(5);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    numbers.send(0);
    expect(complete).toBe(true);
  });

  it('does not listen on when the past has the last event', () => {
    const numbers = new Numbers();
    const seen: number[] = [];
    observe(numbers, isZero, () => [1, 0, 2]).subscribe((n) => seen.push(n));
    numbers.send(3);
    expect(seen).toEqual([1, 0]);
    expect(numbers.listeners.size).toBe(0);
  });
});
