import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Alarm, AlarmHeap } from '../../src/engine/alarm-heap.ts';
import { JobPages } from '../../src/engine/job-pages.ts';

describe('AlarmHeap', () => {
  test('gives alarms back in order, whatever is added and removed in between', () => {
    const command = fc.record({ kind: fc.constantFrom('add', 'remove', 'take'), value: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const heap = new AlarmHeap<number>();
        let model: Alarm<number>[] = [];
        for (const [index, { kind, value }] of commands.entries()) {
          if (kind === 'add') {
            model.push(heap.add(value, index));
          } else if (kind === 'remove') {
            const [removed] = model.splice(value % (model.length || 1), 1);
            if (removed !== undefined) heap.remove(removed);
          } else {
            const earliest = Math.min(...model.map(({ at }) => at));
            const taken = heap.takeDue(value);
            expect(taken?.at).toBe(earliest <= value ? earliest : undefined);
            model = model.filter((alarm) => alarm !== taken);
          }
          expect(heap.size).toBe(model.length);
        }
      }),
    );
  });
});

describe('JobPages', () => {
  const job = (number: number) => ({ number }) as never;

  test('keeps what is in it, through many pages', () => {
    const pages = new JobPages();
    const jobs = Array.from({ length: 5000 }, (_, i) => job(i + 1)) as { number: number }[];
    for (const each of jobs) pages.add(each as never);
    for (const each of jobs) if (each.number % 700 !== 0) expect(pages.delete(each as never)).toBe(true);
    expect([...pages.values()].map(({ number }) => number)).toEqual([
      700, 1400, 2100, 2800, 3500, 4200, 4900,
    ]);
    expect(pages.get(700)).toBe(jobs[699]);
    expect(pages.get(701)).toBeUndefined();
    expect(pages.get(1e15)).toBeUndefined();
    expect(pages.delete(jobs[0] as never)).toBe(false);
    expect(pages.size).toBe(7);
  });
});
