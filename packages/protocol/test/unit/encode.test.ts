import { encodePacket, MAX_TEXT_BYTES, type Packet, request, response } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf, concat, frame, toHex } from '../helpers.ts';

const rejected = (message: string) =>
  expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT', message });

describe('request and response', () => {
  it('add type and magic to the fields', () => {
    expect(request('SET_CLIENT_ID', { clientId: 'w1' })).toEqual({
      type: 'SET_CLIENT_ID',
      magic: 'REQ',
      clientId: 'w1',
    });
    expect(response('NOOP', {})).toEqual({ type: 'NOOP', magic: 'RES' });
  });
});

describe('encodePacket', () => {
  it('writes header, arguments and the NULs between them', () => {
    const packet = request('SUBMIT_JOB', { functionName: 'f', uniqueId: '', workload: bytesOf('abc') });
    expect(toHex(concat(encodePacket(packet)))).toBe(
      '00524551' + '00000007' + '00000006' + '6600' + '00' + '616263',
    );
    expect(concat(encodePacket(response('NO_JOB', {})))).toEqual(frame(10, '', '\0RES'));
  });

  it('passes the byte argument on as it is, without a copy', () => {
    const data = bytesOf('abc');
    const parts = encodePacket(request('ECHO_REQ', { data }));
    expect(parts).toHaveLength(2);
    expect(parts[1]).toBe(data);
  });

  it('leaves an empty byte argument out', () => {
    expect(encodePacket(request('ECHO_REQ', { data: new Uint8Array(0) }))).toEqual([frame(16, '')]);
  });

  it('writes the size as an unsigned number of 32 bits', () => {
    const [head] = encodePacket(request('ECHO_REQ', { data: new Uint8Array(0x0102_0304) }));
    expect(toHex(head ?? new Uint8Array())).toBe('00524551' + '00000010' + '01020304');
  });

  it('accepts texts of 8191 bytes with every byte but NUL', () => {
    const text = Array.from({ length: MAX_TEXT_BYTES }, (_, i) => String.fromCharCode((i % 255) + 1)).join(
      '',
    );
    const packet = request('CAN_DO_TIMEOUT', { functionName: text, timeout: '1' });
    expect(concat(encodePacket(packet))).toEqual(frame(23, `${text}\0${'1'}`));
  });

  it('refuses a text argument that is too long', () => {
    expect(() => encodePacket(request('CAN_DO', { functionName: 'x'.repeat(8192) }))).toThrow(
      rejected('packet argument "functionName" is longer than 8191 bytes'),
    );
  });

  it('refuses a NUL where it would end an argument early, and writes it where it would not', () => {
    expect(() => encodePacket(request('CAN_DO_TIMEOUT', { functionName: 'a\0b', timeout: '1' }))).toThrow(
      rejected('packet argument "functionName" contains a NUL, which would end it early'),
    );
    expect(concat(encodePacket(request('CAN_DO', { functionName: 'a\0b' })))).toEqual(frame(1, 'a\0b'));
  });

  it('refuses text that is no byte string', () => {
    expect(() => encodePacket(request('CAN_DO', { functionName: '☃' }))).toThrow(
      rejected('packet argument "functionName" is not a byte string; pass it through encodeText()'),
    );
  });

  it('refuses a type that is none', () => {
    // What a caller without types may pass.
    const packet = { type: 'SUBMIT', magic: 'REQ' } as unknown as Packet;
    expect(() => encodePacket(packet)).toThrow(rejected('"SUBMIT" is not a packet type'));
  });

  it('refuses a body of 4 GiB', () => {
    // Only its length is looked at: the machine need not have the memory.
    const data = Object.create(Uint8Array.prototype, { length: { value: 2 ** 32 } }) as Uint8Array;
    expect(() => encodePacket(request('ECHO_REQ', { data }))).toThrow(
      rejected('a packet body of 4294967296 bytes does not fit 32 bits'),
    );
  });
});
