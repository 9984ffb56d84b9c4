// A fixed piece of work, of the kind that a job server does: bytes are read and written one by one, text becomes keys,
// keys find small objects, objects wait in lists. It must stay as it is: every recorded budget is in terms of it.

const JOBS = 3000;
const KEYS = 512;
const RECORD_BYTES = 48;

interface Entry {
  readonly key: string;
  readonly at: number;
  next: Entry | undefined;
}

const input = Buffer.alloc(JOBS * RECORD_BYTES);
const output = Buffer.alloc(JOBS * RECORD_BYTES);
for (let i = 0; i < JOBS; i++) {
  input.write(`record-${String((i * 7919) % KEYS).padStart(8, '0')}`, i * RECORD_BYTES, 'latin1');
  for (let at = 16; at < RECORD_BYTES; at++) input[i * RECORD_BYTES + at] = (i * 31 + at * 17) & 0xff;
}
const table = new Map<string, Entry>();

/** Does it once. @returns something that depends on all of it, so that nothing can be left out */
export function yardstick(): number {
  let sum = 0;
  for (let i = 0; i < JOBS; i++) {
    const from = i * RECORD_BYTES;
    const key = input.toString('latin1', from, from + 15);
    const before = table.get(key);
    const entry: Entry = { key, at: i, next: undefined };
    if (before !== undefined) {
      before.next = entry;
      sum += before.at;
      table.delete(key);
    }
    table.set(key, entry);
    for (let at = from; at < from + RECORD_BYTES; at++) {
      const byte = input[at] ?? 0;
      output[at] = byte ^ (sum & 0xff);
      sum = (sum + byte) | 0;
    }
  }
  return sum;
}
