import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { STEPS_PER_PACKET, Turn } from '../../src/net/turn.ts';

const nothing = (): void => {};
const WHOLE = new Turn(nothing).allowance(true);

describe('Turn', () => {
  test('is for one alone if nobody else has much to do', () => {
    expect(WHOLE).toBe(512 * STEPS_PER_PACKET);
  });

  test('has no more for the busy when it is used up, and still a little for everybody else', () => {
    const turn = new Turn(nothing);
    turn.spend(WHOLE - 10, true);
    expect(turn.allowance(true)).toBe(10);
    turn.spend(10, true);
    expect(turn.allowance(true)).toBe(0);
    expect(turn.allowance(false)).toBe(32 * STEPS_PER_PACKET);
  });

  test('is shared by those who were cut short in the one before', async () => {
    const turn = new Turn(nothing);
    for (let i = 0; i < 4; i++) turn.spend(WHOLE, true);
    turn.begin();
    await setImmediate();
    expect(turn.allowance(true)).toBe(WHOLE / 4);
    turn.begin();
    await setImmediate();
    expect(turn.allowance(true)).toBe(WHOLE);
  });
});
