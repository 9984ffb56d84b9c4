import { decodeBody, MAX_TEXT_BYTES, PacketParser, type PacketType } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf, concat, frame, header, onlyPacket, show } from '../helpers.ts';

const decode = (type: PacketType, body: string) => decodeBody(type, 'RES', bytesOf(body));

describe('decodeBody', () => {
  it('reads only the part of the memory it was given', () => {
    const bytes = bytesOf('..f\0u\0payload..');
    expect(decodeBody('SUBMIT_JOB', 'REQ', bytes, 2, bytes.length - 2)).toEqual({
      type: 'SUBMIT_JOB',
      magic: 'REQ',
      functionName: 'f',
      uniqueId: 'u',
      workload: bytesOf('payload'),
    });
    expect(decodeBody('SUBMIT_JOB', 'REQ', bytes, 2, 5)).toMatchObject({
      type: 'MALFORMED',
      sizeBytes: 3,
      reason: 'argument "uniqueId" has no NUL behind it',
    });
  });

  it('makes byte arguments views into the memory, and always plain typed arrays', () => {
    const memory = Buffer.from('h\0result', 'latin1');
    const packet = decodeBody('WORK_COMPLETE', 'REQ', memory);
    if (packet.type !== 'WORK_COMPLETE') throw new Error(show(packet));
    expect(packet.data.buffer).toBe(memory.buffer);
    expect(packet.data.byteOffset).toBe(memory.byteOffset + 2);
    expect(Object.getPrototypeOf(packet.data)).toBe(Uint8Array.prototype);
  });

  it('lets only the last argument hold NULs', () => {
    expect(decode('WORK_DATA', 'h\0a\0b\0')).toEqual({
      type: 'WORK_DATA',
      magic: 'RES',
      handle: 'h',
      data: bytesOf('a\0b\0'),
    });
    expect(decode('CAN_DO', 'name\0')).toMatchObject({ functionName: 'name\0' });
  });

  it('accepts text of 8191 bytes and no more', () => {
    const longest = 'x'.repeat(MAX_TEXT_BYTES);
    expect(decode('SUBMIT_JOB', `${longest}\0\0`)).toMatchObject({ functionName: longest });
    expect(decode('CAN_DO', longest)).toMatchObject({ functionName: longest });
    expect(decode('SUBMIT_JOB', `f\0${longest}x\0`)).toMatchObject({
      type: 'MALFORMED',
      reason: 'argument "uniqueId" is longer than 8191 bytes',
    });
    expect(decode('SUBMIT_JOB', `${longest}xx`)).toMatchObject({
      reason: 'argument "functionName" is longer than 8191 bytes',
    });
    expect(decode('CAN_DO', `${longest}x`)).toMatchObject({
      reason: 'argument "functionName" is longer than 8191 bytes',
    });
    expect(decode('WORK_STATUS', `h\0${'1'}\0${longest}x`)).toMatchObject({
      reason: 'argument "denominator" is longer than 8191 bytes',
    });
  });

  it('reads texts of every length', () => {
    for (let length = 0; length < 40; length++) {
      const text = String.fromCharCode(...Array.from({ length }, (_, i) => 0xff - i));
      expect(decode('CANT_DO', text)).toMatchObject({ functionName: text });
      expect(decode('SUBMIT_JOB', `${text}\0${text}\0`)).toMatchObject({
        functionName: text,
        uniqueId: text,
      });
    }
  });

  it('refuses a type that is none', () => {
    expect(() => decodeBody('NOPE' as PacketType, 'REQ', new Uint8Array(0))).toThrow(
      expect.objectContaining({
        code: 'ERR_GEARMAN_INVALID_ARGUMENT',
        message: '"NOPE" is not a packet type',
      }),
    );
  });
});

describe('a forgiving reader', () => {
  it('accepts either magic and reports it', () => {
    expect(onlyPacket('NOOP', frame(6, '', '\0REQ')).magic).toBe('REQ');
    expect(onlyPacket('CAN_DO', frame(1, 'f', '\0RES')).magic).toBe('RES');
  });

  it('splits into exactly the number of arguments of the table; the last takes the rest', () => {
    expect(decode('JOB_ASSIGN_ALL', 'h\0f\0u\0r\0p\0q')).toEqual({
      type: 'JOB_ASSIGN_ALL',
      magic: 'RES',
      handle: 'h',
      functionName: 'f',
      uniqueId: 'u',
      reducer: 'r',
      workload: bytesOf('p\0q'),
    });
  });

  it.each(['WORK_FAIL', 'JOB_CREATED', 'GET_STATUS'] as const)(
    'strips one NUL behind the handle of %s',
    (type) => {
      expect(decode(type, 'H:x:1\0')).toMatchObject({ type, handle: 'H:x:1' });
      expect(decode(type, 'H:x:1\0\0')).toMatchObject({ type, handle: 'H:x:1\0' });
      expect(decode(type, 'H:x:1')).toMatchObject({ type, handle: 'H:x:1' });
      expect(decode(type, '')).toMatchObject({ type, handle: '' });
      expect(decode(type, '\0')).toMatchObject({ type, handle: '' });
    },
  );

  it('strips one stray NUL behind the handle of STATUS_RES', () => {
    const fields = { handle: 'H:x:1', known: '1', running: '0', numerator: '3', denominator: '4' };
    expect(decode('STATUS_RES', 'H:x:1\0\x001\x000\x003\x004')).toEqual({
      type: 'STATUS_RES',
      magic: 'RES',
      ...fields,
    });
    expect(decode('STATUS_RES', 'H:x:1\x001\x000\x003\x004')).toEqual({
      type: 'STATUS_RES',
      magic: 'RES',
      ...fields,
    });
  });

  it('reads empty numbers of STATUS_RES as empty text', () => {
    expect(decode('STATUS_RES', 'H:x:1\x000\x000\0\0')).toMatchObject({
      known: '0',
      numerator: '',
      denominator: '',
    });
    expect(decode('STATUS_RES', 'H:x:1\0\0\0\0')).toMatchObject({ known: '', denominator: '' });
    expect(decode('STATUS_RES', 'H:x:1\0\0\0')).toMatchObject({
      type: 'MALFORMED',
      reason: 'argument "numerator" has no NUL behind it',
    });
  });

  it.each(['WORK_COMPLETE', 'WORK_DATA', 'WORK_WARNING', 'WORK_EXCEPTION'] as const)(
    'reads a %s without a NUL, as Perl workers send an empty one, as a handle without data',
    (type) => {
      const packet = decodeBody(type, 'REQ', new TextEncoder().encode('H:box:1'));
      expect(packet).toEqual({ type, magic: 'REQ', handle: 'H:box:1', data: new Uint8Array(0) });
    },
  );

  it('reads an ERROR without a NUL as a code without text', () => {
    expect(decode('ERROR', 'QUEUE_ERROR')).toMatchObject({ type: 'ERROR', code: 'QUEUE_ERROR', text: '' });
    expect(decode('ERROR', 'QUEUE_ERROR\0full')).toMatchObject({ code: 'QUEUE_ERROR', text: 'full' });
    expect(decode('ERROR', '')).toMatchObject({ type: 'ERROR', code: '', text: '' });
    expect(decode('ERROR', 'x'.repeat(MAX_TEXT_BYTES))).toMatchObject({ type: 'ERROR', text: '' });
    expect(decode('ERROR', 'x'.repeat(MAX_TEXT_BYTES + 1))).toMatchObject({
      type: 'MALFORMED',
      reason: 'argument "code" is longer than 8191 bytes',
    });
  });

  it('skips unknown types by size', () => {
    const stream = concat([frame(43, 'body'), frame(0x8000_0001, 'body'), frame(9, '')]);
    expect(new PacketParser().push(stream).map(({ type }) => type)).toEqual([
      'UNKNOWN',
      'UNKNOWN',
      'GRAB_JOB',
    ]);
  });

  it('skips a surplus body of a packet without arguments', () => {
    expect(new PacketParser().push(concat([frame(9, 'extra'), frame(4, '')]))).toEqual([
      { type: 'GRAB_JOB', magic: 'REQ' },
      { type: 'PRE_SLEEP', magic: 'REQ' },
    ]);
  });

  it('looks for separators inside the body only', () => {
    const stream = concat([frame(7, 'abc'), frame(16, 'next')]);
    expect(new PacketParser().push(stream)).toEqual([
      expect.objectContaining({ type: 'MALFORMED', packetType: 'SUBMIT_JOB' }),
      { type: 'ECHO_REQ', magic: 'REQ', data: bytesOf('next') },
    ]);
  });

  it('takes type and size as unsigned', () => {
    expect(new PacketParser().push(header(0x8000_0000, 0xffff_ffff))).toEqual([
      { type: 'UNKNOWN', packetCode: 0x8000_0000, magic: 'REQ', sizeBytes: 0xffff_ffff },
    ]);
    expect(new PacketParser().push(header(0xffff_ffff, 0))).toEqual([
      { type: 'UNKNOWN', packetCode: 0xffff_ffff, magic: 'REQ', sizeBytes: 0 },
    ]);
  });
});
