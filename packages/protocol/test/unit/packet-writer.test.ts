import { encodePacket, type Packet, PacketParser, PacketWriter, request, response } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf, concat, latin1 } from '../helpers.ts';

const echo = (data: Uint8Array): Packet => request('ECHO_REQ', { data });
const created = (handle: string): Packet => response('JOB_CREATED', { handle });

describe('PacketWriter', () => {
  it('hands over what it collected, in order, and starts anew', () => {
    const writer = new PacketWriter();
    expect(writer.take()).toEqual([]);
    writer.write(created('H:x:1'));
    writer.writeText('OK\r\n');
    writer.write(response('NOOP', {}));
    const expected = concat([
      ...encodePacket(created('H:x:1')),
      bytesOf('OK\r\n'),
      ...encodePacket(response('NOOP', {})),
    ]);
    expect(writer.sizeBytes).toBe(expected.length);
    const parts = writer.take();
    expect(parts).toHaveLength(1);
    expect(concat(parts)).toEqual(expected);
    expect(writer.sizeBytes).toBe(0);
    expect(writer.take()).toEqual([]);
  });

  it('copies payloads up to copyUpToBytes and passes larger ones on as they are', () => {
    const writer = new PacketWriter({ copyUpToBytes: 100 });
    const small = new Uint8Array(100).fill(1);
    const large = new Uint8Array(101).fill(2);
    writer.write(echo(small));
    writer.write(echo(large));
    writer.write(echo(small));
    const parts = writer.take();
    expect(parts.map((part) => part === large)).toEqual([false, true, false]);
    expect(concat(parts)).toEqual(
      concat([...encodePacket(echo(small)), ...encodePacket(echo(large)), ...encodePacket(echo(small))]),
    );
  });

  it('keeps the order of small and large, text and bytes, in any mixture', () => {
    const sizes = [0, 1, 31, 32, 33, 200, 511, 512, 513, 5000, 1, 70_000, 0, 4096, 4097, 3];
    const writer = new PacketWriter();
    const expected: Uint8Array[] = [];
    for (const [i, size] of sizes.entries()) {
      const bytes = new Uint8Array(size).fill(i);
      writer.write(echo(bytes));
      writer.writeBytes(bytes);
      writer.writeText(`line ${i}\n`);
      expected.push(...encodePacket(echo(bytes)), bytes, bytesOf(`line ${i}\n`));
    }
    expect(writer.sizeBytes).toBe(concat(expected).length);
    const parts = writer.take();
    expect(concat(parts)).toEqual(concat(expected));
    expect(parts.every((part) => part.length > 0)).toBe(true);
  });

  it('grows its blocks within a turn and then takes one that suits the next', () => {
    const sizes: number[] = [];
    const writer = new PacketWriter({
      allocate: (sizeBytes) => {
        sizes.push(sizeBytes);
        return new Uint8Array(sizeBytes);
      },
    });
    const turn = () => {
      for (let i = 0; i < 100; i++) writer.write(echo(new Uint8Array(88)));
      return writer.take();
    };
    expect(turn().length).toBe(sizes.length);
    expect(sizes).toEqual([512, 1024, 2048, 4096, 8192]);
    sizes.length = 0;
    expect(turn()).toHaveLength(1);
    expect(sizes).toEqual([10_000]);
  });

  it('never takes a block over 64 KiB for small packets', () => {
    let largest = 0;
    const allocate = (sizeBytes: number) => {
      largest = Math.max(largest, sizeBytes);
      return new Uint8Array(sizeBytes);
    };
    const writer = new PacketWriter({ allocate });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 10_000; i++) writer.write(created('H:jobhost:123456'));
      writer.take();
    }
    expect(largest).toBe(64 * 1024);
  });

  it('writes behind, never over, what it has handed over', () => {
    let blocks = 0;
    const writer = new PacketWriter({
      allocate: (sizeBytes) => {
        blocks++;
        return new Uint8Array(sizeBytes);
      },
    });
    const turns: string[] = [];
    const kept: Uint8Array[][] = [];
    for (let i = 0; i < 100; i++) {
      writer.write(created(`H:x:${i}`));
      turns.push(latin1(concat(encodePacket(created(`H:x:${i}`)))));
      kept.push(writer.take());
    }
    expect(kept.map((parts) => latin1(concat(parts)))).toEqual(turns);
    // 100 turns of some 20 bytes: a block serves many of them.
    expect(blocks).toBeLessThan(10);
  });

  it('adds nothing when it throws', () => {
    const writer = new PacketWriter();
    writer.write(created('first'));
    const before = writer.sizeBytes;
    expect(() => writer.write(request('CAN_DO_TIMEOUT', { functionName: 'good', timeout: '☃' }))).toThrow(
      /timeout/,
    );
    expect(() => writer.write(created('x'.repeat(8192)))).toThrow(/longer/);
    expect(writer.sizeBytes).toBe(before);
    writer.write(created('second'));
    expect(new PacketParser().push(concat(writer.take()))).toEqual([created('first'), created('second')]);
  });

  it('asks for no more memory than the packet needs before it checks it', () => {
    const sizes: number[] = [];
    const allocate = (sizeBytes: number) => {
      sizes.push(sizeBytes);
      return new Uint8Array(sizeBytes);
    };
    const writer = new PacketWriter({ allocate });
    writer.write(created('x'));
    expect(() => writer.write(created('x'.repeat(100_000)))).toThrow(/longer/);
    expect(sizes).toEqual([512]);
  });

  it('works with memory that is not zeroed', () => {
    const writer = new PacketWriter({ allocate: (sizeBytes) => new Uint8Array(sizeBytes).fill(0xaa) });
    const packet = request('SUBMIT_JOB', { functionName: 'f', uniqueId: '', workload: bytesOf('x') });
    writer.write(packet);
    expect(concat(writer.take())).toEqual(concat(encodePacket(packet)));
  });

  it('writes the head of a packet whose payload comes by other ways', () => {
    const workload = bytesOf('x'.repeat(100_000));
    const packet = request('SUBMIT_JOB', { functionName: 'f', uniqueId: 'u', workload });
    const writer = new PacketWriter();
    writer.write(created('before'));
    const before = writer.sizeBytes;
    writer.writeHead({ ...packet, workload: new Uint8Array(0) }, workload.length);
    expect(writer.sizeBytes - before).toBe(12 + 'f\0u\0'.length);
    const head = concat(writer.take()).subarray(before);
    expect(concat([head, workload])).toEqual(concat(encodePacket(packet)));
  });
});
