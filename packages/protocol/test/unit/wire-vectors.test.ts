import {
  encodePacket,
  MAX_PACKET_CODE,
  PACKET_TYPES,
  PACKETS,
  type Packet,
  PacketParser,
  StreamParser,
} from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { concat, everyByte, feed, latin1, show, toHex } from '../helpers.ts';
import { FRAMES, type Frame, readStreams } from '../vectors/vectors.ts';

interface Exception {
  readonly reason: string;
  /** What the frame decodes to instead of the recorded fields. */
  readonly decodesTo: object;
}

const STRAY_NUL =
  'gearmand leaves a NUL behind the handle; readers must drop it (rule 3), so it is not written again';
const UNKNOWN = 'no such packet type: its body is skipped';

/** The frames that do not decode to what was recorded and do not encode back to the same bytes. */
const EXCEPTIONS: Readonly<Record<string, Exception>> = {
  '1.1.20 close-argument-over-8192#3': {
    reason: 'a function name of 8192 bytes: gearmand closes the connection',
    decodesTo: {
      type: 'MALFORMED',
      packetType: 'SUBMIT_JOB_BG',
      magic: 'REQ',
      sizeBytes: 8195,
      reason: 'argument "functionName" is longer than 8191 bytes',
    },
  },
  '1.1.20 close-bad-magic#1': {
    reason: 'starts with 00 46: no Gearman packet',
    decodesTo: {
      type: 'INVALID',
      offsetBytes: 0,
      reason: 'expected a packet, which starts with 00 52 45 51 (REQ) or 00 52 45 53 (RES)',
    },
  },
  '1.1.20 close-unknown-type#1': {
    reason: UNKNOWN,
    decodesTo: { type: 'UNKNOWN', packetCode: 43, magic: 'REQ', sizeBytes: 1 },
  },
  '1.1.20 close-unknown-type#3': {
    reason: UNKNOWN,
    decodesTo: { type: 'UNKNOWN', packetCode: 0, magic: 'REQ', sizeBytes: 1 },
  },
  '1.1.20 error-invalid-command#1': {
    reason: UNKNOWN,
    decodesTo: { type: 'UNKNOWN', packetCode: 5, magic: 'REQ', sizeBytes: 0 },
  },
  '1.1.20 missing-terminator-stalls#1': {
    reason: 'a SUBMIT_JOB without a single NUL: gearmand waits for ever, we give up this packet only',
    decodesTo: {
      type: 'MALFORMED',
      packetType: 'SUBMIT_JOB',
      magic: 'REQ',
      sizeBytes: 3,
      reason: 'argument "functionName" has no NUL behind it',
    },
  },
  '1.1.20 work-exception-mixed-clients#11': {
    reason: STRAY_NUL,
    decodesTo: { type: 'WORK_FAIL', magic: 'RES', handle: 'H:jobhost:1' },
  },
  '1.1.20 work-exception-without-option#7': {
    reason: STRAY_NUL,
    decodesTo: { type: 'WORK_FAIL', magic: 'RES', handle: 'H:jobhost:1' },
  },
  '1.1.20 work-fail#12': {
    reason: STRAY_NUL,
    decodesTo: { type: 'WORK_FAIL', magic: 'REQ', handle: 'H:jobhost:2' },
  },
  '1.1.20 work-fail#13': {
    reason: STRAY_NUL,
    decodesTo: { type: 'WORK_FAIL', magic: 'RES', handle: 'H:jobhost:2' },
  },
};

const binary = FRAMES.filter(({ kind }) => kind === 'binary');

/** The packet that the recording documents, with the fields in wire order. */
function documentedPacket({ documented }: Frame): Packet | undefined {
  if (documented === undefined) return undefined;
  const { type, magic, fields } = documented;
  const args = PACKETS[type as Packet['type']]?.args ?? [];
  const kinds = new Map<string, string>(args.map(({ name, kind }) => [name, kind]));
  const entries = Object.entries(fields).map(([name, value]) => {
    return [name, kinds.get(name) === 'bytes' ? Uint8Array.from(Buffer.from(value, 'latin1')) : value];
  });
  // Whether it is one is what the tests below find out.
  return { type, magic, ...Object.fromEntries(entries) } as Packet;
}

const expectedOf = (frame: Frame): string =>
  show(EXCEPTIONS[frame.id]?.decodesTo ?? documentedPacket(frame) ?? 'nothing documented');

/** The frames for which `run` does not give exactly their documented packet. */
const wrong = (run: (frame: Frame) => readonly string[]): string[] =>
  binary.flatMap((frame) => {
    const seen = run(frame).join('\n');
    return seen === expectedOf(frame) ? [] : [`${frame.id}: ${seen}`];
  });

const whole = ({ bytes }: Frame): string[] => feed(new PacketParser(), bytes);

function encodesBack(frame: Frame): boolean {
  const packet = documentedPacket(frame);
  try {
    return packet !== undefined && toHex(concat(encodePacket(packet))) === toHex(frame.bytes);
  } catch {
    return false;
  }
}

describe('recorded packets', () => {
  it('cover every packet type of the protocol', () => {
    const seen = new Set(binary.map(({ documented }) => documented?.type));
    const unseen = PACKET_TYPES.filter((type) => PACKETS[type].code <= MAX_PACKET_CODE && !seen.has(type));
    expect(unseen).toEqual([]);
    expect(binary.length).toBeGreaterThan(800);
  });

  it('decode to their documented fields', () => {
    expect(wrong(whole)).toEqual([]);
  });

  it('encode back to the same bytes', () => {
    const failing = binary.filter((frame) => EXCEPTIONS[frame.id] === undefined && !encodesBack(frame));
    expect(failing.map(({ id }) => id)).toEqual([]);
  });

  it('decode the same byte by byte', () => {
    expect(wrong(({ bytes }) => feed(new PacketParser(), bytes, everyByte(bytes)))).toEqual([]);
  });

  it('decode the same wherever they are cut in two', () => {
    const failing = wrong((frame) => {
      const results = new Set(
        everyByte(frame.bytes).map((cut) => feed(new PacketParser(), frame.bytes, [cut]).join('\n')),
      );
      return [...results];
    });
    expect(failing).toEqual([]);
  });

  it('need each exception in the table', () => {
    const ids = new Set(binary.map(({ id }) => id));
    const notNeeded = Object.keys(EXCEPTIONS).filter((id) => {
      const frame = binary.find((candidate) => candidate.id === id);
      if (frame === undefined) return true;
      return whole(frame).join('\n') === show(documentedPacket(frame)) && encodesBack(frame);
    });
    expect(Object.keys(EXCEPTIONS).every((id) => ids.has(id))).toBe(true);
    expect(notNeeded).toEqual([]);
  });
});

describe('recorded connections', () => {
  const MIXED: Readonly<Record<string, readonly object[]>> = {
    '1.1.20 admin-mixed-with-binary#1': [
      { type: 'ECHO_REQ', magic: 'REQ', data: { bytes: '1' } },
      { type: 'TEXT', line: 'version' },
      { type: 'ECHO_REQ', magic: 'REQ', data: { bytes: '2' } },
    ],
    '1.1.20 admin-mixed-with-binary#2': [
      { type: 'ECHO_RES', magic: 'RES', data: { bytes: '1' } },
      { type: 'TEXT', line: 'OK 1.1.20+ds' },
      { type: 'ECHO_RES', magic: 'RES', data: { bytes: '2' } },
    ],
  };

  /** What a reader of these frames sees; text that stands side by side is joined before it is cut into lines. */
  function messagesOf(frames: readonly Frame[]): string[] {
    const messages: string[] = [];
    let text = '';
    for (const frame of frames) {
      if (frame.kind === 'binary') messages.push(expectedOf(frame));
      else if (frame.kind === 'mixed') messages.push(...(MIXED[frame.id] ?? []).map(show));
      else text += latin1(frame.bytes);
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      messages.push(...lines.map((line) => show({ type: 'TEXT', line: line.replace(/\r$/, '') })));
    }
    return messages;
  }

  it('read the same wherever they are cut', () => {
    const failing: string[] = [];
    for (const { name, frames } of readStreams()) {
      const bytes = concat(frames.map((frame) => frame.bytes));
      const expected = messagesOf(frames).join('\n');
      for (const cuts of [[], everyByte(bytes), ...everyByte(bytes).map((cut) => [cut])]) {
        const seen = feed(new StreamParser(), bytes, cuts).join('\n');
        if (seen !== expected) failing.push(`${name}, cut at ${cuts.slice(0, 3)}: ${seen}`);
      }
    }
    expect(failing).toEqual([]);
  });
});
