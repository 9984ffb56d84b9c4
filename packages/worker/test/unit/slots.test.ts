import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Slots, type SlotUser } from '../../src/slots.ts';

/** Wants up to `limit` slots and writes down when it got one. */
class User implements SlotUser {
  held = 0;
  readonly #name: string;
  readonly #limit: number;
  readonly #log: string[];

  constructor(name: string, limit: number, log: string[] = []) {
    this.#name = name;
    this.#limit = limit;
    this.#log = log;
  }

  onSlot(): boolean {
    this.held++;
    this.#log.push(this.#name);
    return this.held < this.#limit;
  }
}

describe('Slots', () => {
  test('hands out no more than there are', () => {
    const slots = new Slots(3);
    const user = new User('a', 10);
    slots.want(user);
    expect(user.held).toBe(3);
    expect(slots.used).toBe(3);
    slots.give();
    expect(user.held).toBe(4);
  });

  test('serves users in turn, so that no server keeps another one out', () => {
    const log: string[] = [];
    const slots = new Slots(2);
    slots.want(new User('a', 100, log));
    slots.want(new User('b', 100, log));
    for (let i = 0; i < 4; i++) slots.give();
    expect(log.join('')).toBe('aaabab');
  });

  test('forgets a user that no longer wants one', () => {
    const slots = new Slots(1);
    const [first, second] = [new User('a', 2), new User('b', 1)];
    slots.want(first);
    slots.want(second);
    slots.forget(first);
    slots.forget(first);
    slots.give();
    expect([first.held, second.held]).toEqual([1, 1]);
  });

  test('gets a user in line once, however often it asks', () => {
    const slots = new Slots(1);
    slots.want(new User('a', 1));
    const user = new User('b', 1);
    for (let i = 0; i < 3; i++) slots.want(user);
    slots.give();
    slots.give();
    expect(user.held).toBe(1);
    expect(slots.used).toBe(0);
  });

  test('survives a user that gives its slot back at once', () => {
    const slots = new Slots(1);
    let times = 0;
    const user: SlotUser = {
      onSlot: () => {
        slots.give();
        return ++times < 1000;
      },
    };
    slots.want(user);
    expect(times).toBe(1000);
    expect(slots.used).toBe(0);
  });

  test('never exceeds its size, whatever users do', () => {
    const action = fc.record({ what: fc.constantFrom('want', 'give', 'forget'), who: fc.nat(3) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(action, { maxLength: 100 }), (size, actions) => {
        const slots = new Slots(size);
        const users = [1, 2, 3, 100].map((limit, index) => new User(`${index}`, limit));
        for (const { what, who } of actions) {
          const user = users[who];
          if (user === undefined) continue;
          if (what === 'want') slots.want(user);
          else if (what === 'forget') slots.forget(user);
          else if (user.held > 0) {
            user.held--;
            slots.give();
          }
          const held = users.reduce((sum, each) => sum + each.held, 0);
          expect(slots.used).toBe(held);
          expect(held).toBeLessThanOrEqual(size);
        }
      }),
    );
  });
});
