import { decodeText, encodeText, latin1Bytes, latin1Slice } from '@gearman/protocol';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe('encodeText and decodeText', () => {
  it('leave ASCII as it is', () => {
    expect(encodeText('reverse\x7f\0')).toBe('reverse\x7f\0');
    expect(decodeText('reverse\x7f\0')).toBe('reverse\x7f\0');
  });

  it('are UTF-8, one character per byte', () => {
    expect(encodeText('ä')).toBe('Ã¤');
    expect(encodeText('😀')).toBe('ð\u009f\u0098\u0080');
    expect(decodeText('Ã¤')).toBe('ä');
    expect(decodeText('\u00ef\u00bb\u00bfx')).toBe('\ufeffx');
  });

  it('undo each other', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => decodeText(encodeText(text)) === text));
  });

  it('return what is not UTF-8 unchanged', () => {
    for (const text of ['\u00ff', '\u00c3', 'a\u0080b', '☃']) expect(decodeText(text)).toBe(text);
  });

  it('replace half a surrogate pair', () => {
    expect(decodeText(encodeText('a\ud800'))).toBe('a\ufffd');
  });
});

describe('latin1Slice and latin1Bytes', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const text = String.fromCharCode(...bytes);

  it('have one character per byte', () => {
    expect(latin1Slice(bytes, 0)).toBe(text);
    expect(latin1Bytes(text)).toEqual(bytes);
  });

  it('slice at any length', () => {
    for (let length = 0; length <= 40; length++) {
      expect(latin1Slice(bytes, 200, 200 + length)).toBe(text.slice(200, 200 + length));
    }
  });

  it('need no Buffer', async () => {
    vi.stubGlobal('Buffer', undefined);
    vi.resetModules();
    const elsewhere = await import('@gearman/protocol');
    expect(elsewhere.latin1Slice(bytes, 3, 250)).toBe(text.slice(3, 250));
    const writer = new elsewhere.PacketWriter();
    writer.write(elsewhere.request('CAN_DO', { functionName: 'f'.repeat(100) }));
    const [packet] = new elsewhere.PacketParser().push(writer.take()[0] ?? new Uint8Array(0));
    expect(packet).toMatchObject({ type: 'CAN_DO', functionName: 'f'.repeat(100) });
  });
});
