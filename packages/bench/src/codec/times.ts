import { parseArgs } from 'node:util';
import { encodePacket, type Packet, PacketWriter, request, response, StreamParser } from '@gearman/protocol';
import { bench, do_not_optimize, run, summary } from 'mitata';
import { PACKETS } from './names.ts';

// Times of encoding and decoding, per group of PACKETS packets: what one read or one turn of a busy connection carries.
// --filter <regular expression> runs some, --json prints figures for programs.

const small = new Uint8Array(10).fill(0x78);
const handle = (i: number): string => `H:jobhost:${100_000 + i}`;

const kinds: Readonly<Record<string, (i: number) => Packet>> = {
  SUBMIT_JOB_BG: () => request('SUBMIT_JOB_BG', { functionName: 'reverse', uniqueId: '', workload: small }),
  'SUBMIT_JOB_BG with unique id': (i) =>
    request('SUBMIT_JOB_BG', { functionName: 'reverse', uniqueId: `unique-id-${i}`, workload: small }),
  JOB_CREATED: (i) => response('JOB_CREATED', { handle: handle(i) }),
  GRAB_JOB_UNIQ: () => request('GRAB_JOB_UNIQ', {}),
  JOB_ASSIGN_UNIQ: (i) =>
    response('JOB_ASSIGN_UNIQ', {
      handle: handle(i),
      functionName: 'reverse',
      uniqueId: `unique-id-${i}`,
      workload: small,
    }),
  WORK_STATUS: (i) => request('WORK_STATUS', { handle: handle(i), numerator: '12', denominator: '100' }),
  WORK_COMPLETE: (i) => request('WORK_COMPLETE', { handle: handle(i), data: small }),
};

const packetsOf = (make: (i: number) => Packet): Packet[] =>
  Array.from({ length: PACKETS }, (_, i) => make(i));
const bytesOf = (packets: readonly Packet[]): Buffer => Buffer.concat(packets.flatMap(encodePacket));

/** As a socket delivers it: so many bytes at a time. */
function cut(bytes: Buffer, pieceBytes: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return pieces;
}

function decode(parser: StreamParser, pieces: readonly Uint8Array[]): number {
  let count = 0;
  for (const piece of pieces) count += parser.push(piece).length;
  return count;
}

/** Every kind has passed through the code before the first is timed, as in a real process. */
function warmUp(): void {
  const parser = new StreamParser();
  const writer = new PacketWriter();
  for (let round = 0; round < 500; round++) {
    for (const make of Object.values(kinds)) {
      const packets = packetsOf(make);
      for (const packet of packets) writer.write(packet);
      decode(parser, writer.take());
      parser.push(bytesOf(packets));
    }
  }
}

warmUp();

summary(() => {
  for (const [name, make] of Object.entries(kinds)) {
    const parser = new StreamParser();
    const chunk = [bytesOf(packetsOf(make))];
    bench(`decode ${PACKETS} ${name}`, () => do_not_optimize(decode(parser, chunk)));
  }
});

summary(() => {
  for (const [name, make] of Object.entries(kinds)) {
    const writer = new PacketWriter();
    const packets = packetsOf(make);
    bench(`encode ${PACKETS} ${name}`, () => {
      for (const packet of packets) writer.write(packet);
      do_not_optimize(writer.take());
    });
  }
});

summary(() => {
  const parser = new StreamParser();
  const bytes = bytesOf(packetsOf((i) => request('WORK_COMPLETE', { handle: handle(i), data: small })));
  for (const pieceBytes of [1, 100, 1460]) {
    const pieces = cut(bytes, pieceBytes);
    bench(`decode ${PACKETS} WORK_COMPLETE in pieces of ${pieceBytes} B`, () =>
      do_not_optimize(decode(parser, pieces)),
    );
  }
});

summary(() => {
  for (const sizeKiB of [4, 64, 1024, 16_384]) {
    const data = new Uint8Array(sizeKiB * 1024);
    const packet = request('WORK_COMPLETE', { handle: handle(1), data });
    const whole = [bytesOf([packet])];
    const pieces = cut(bytesOf([packet]), 64 * 1024);
    const parser = new StreamParser();
    const writer = new PacketWriter();
    bench(`decode ${sizeKiB} KiB in one chunk`, () => do_not_optimize(decode(parser, whole)));
    bench(`decode ${sizeKiB} KiB in chunks of 64 KiB`, () => do_not_optimize(decode(parser, pieces)));
    bench(`encode ${sizeKiB} KiB`, () => {
      writer.write(packet);
      do_not_optimize(writer.take());
    });
  }
});

const { values } = parseArgs({ options: { filter: { type: 'string' }, json: { type: 'boolean' } } });
await run({
  ...(values.filter === undefined ? {} : { filter: new RegExp(values.filter) }),
  ...(values.json ? { format: 'json' } : {}),
});
