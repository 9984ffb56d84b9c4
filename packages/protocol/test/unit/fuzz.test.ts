import {
  encodePacket,
  LineParser,
  type Packet,
  PacketParser,
  packetTypeOf,
  StreamParser,
} from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { concat, feed, show } from '../helpers.ts';
import { FRAMES } from '../vectors/vectors.ts';

// More time: GEARMAN_FUZZ_SECONDS=600. The failing case again: GEARMAN_FUZZ_SEED=<seed in the message>.
const seconds = Number(process.env['GEARMAN_FUZZ_SECONDS'] ?? 2);
const firstSeed = Number(process.env['GEARMAN_FUZZ_SEED'] ?? Date.now() % 0x7fff_ffff);

const MAX_PACKET_BYTES = 2000;
const MAX_LINE_BYTES = 500;
// A header, a body, and the CR of a line that is exactly as long as allowed.
const MAX_BUFFERED_BYTES = 12 + MAX_PACKET_BYTES + MAX_LINE_BYTES + 1;

type Random = (below: number) => number;

/** Mulberry32: small, and the same everywhere. */
function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const SPECIAL = [0, 1, 0x0a, 0x0d, 0x52, 0x45, 0x51, 0x53, 0x7f, 0x80, 0xff];
const samples = FRAMES.map(({ bytes }) => bytes).filter(({ length }) => length < 1000);

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(bytes.length + 1);
  switch (random(6)) {
    case 0:
      return bytes.map((byte, i) => (i === at ? byte ^ (1 << random(8)) : byte));
    case 1:
      return bytes.map((byte, i) => (i === at ? (SPECIAL[random(SPECIAL.length)] ?? 0) : byte));
    case 2:
      return concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))]);
    case 3:
      return concat([bytes.subarray(0, at), Uint8Array.of(random(256)), bytes.subarray(at)]);
    case 4:
      // The size field, where a wrong value hurts most.
      return bytes.map((byte, i) => (i >= 8 && i < 12 && random(2) === 0 ? random(256) : byte));
    default:
      return bytes;
  }
}

function streamOf(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let i = random(6); i >= 0; i--) {
    let part = samples[random(samples.length)] ?? new Uint8Array(0);
    for (let j = random(3); j > 0; j--) part = mutate(part, random);
    parts.push(part);
  }
  return concat(parts);
}

const newParser = () => new StreamParser({ maxPacketBytes: MAX_PACKET_BYTES, maxLineBytes: MAX_LINE_BYTES });

function checkOnce(random: Random): void {
  const stream = streamOf(random);
  const whole = feed<unknown>(newParser(), stream);

  const parser = newParser();
  const pieces: string[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = Math.min(stream.length, at + 1 + random(random(2) === 0 ? 8 : 400));
    for (const message of parser.push(stream.subarray(at, end))) pieces.push(show(message));
    if (parser.bufferedBytes > MAX_BUFFERED_BYTES) throw new Error(`${parser.bufferedBytes} bytes held`);
    at = end;
  }
  expect(pieces).toEqual(whole);

  for (const each of [new PacketParser({ maxPacketBytes: MAX_PACKET_BYTES }), new LineParser()]) {
    const messages: { type: string }[] = [];
    for (let at = 0; at < stream.length && !each.failed; ) {
      const next = each.consume(stream, at, messages);
      if (next <= at || next > stream.length)
        throw new Error(`went from ${at} to ${next} of ${stream.length}`);
      at = next;
    }
    for (const message of messages) checkPacket(message);
  }
}

/** What decodes also encodes. */
function checkPacket(message: { readonly type: string }): void {
  if ('magic' in message && !('packetCode' in message) && !('packetType' in message)) {
    // Those without these two fields are packets.
    const [head] = encodePacket(message as Packet);
    expect(packetTypeOf(Buffer.from(head ?? []).readUInt32BE(4))).toBe(message.type);
  }
}

describe('mutated recordings', () => {
  it(`are read without a crash, a hang or much memory, for ${seconds} s`, {
    timeout: (seconds + 20) * 1000,
  }, () => {
    console.info(`fuzzing with GEARMAN_FUZZ_SEED=${firstSeed} and onwards`);
    const end = performance.now() + seconds * 1000;
    let seed = firstSeed;
    do {
      try {
        checkOnce(randomOf(seed));
      } catch (cause) {
        throw new Error(`GEARMAN_FUZZ_SEED=${seed} fails`, { cause });
      }
      seed++;
    } while (performance.now() < end);
    expect(seed).toBeGreaterThan(firstSeed);
  });
});
