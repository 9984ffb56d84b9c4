const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Turns text into the byte string that packets carry: its UTF-8 bytes, one character each.
 *
 * ASCII comes back as it is. Use it for function names, unique ids and client ids that people wrote.
 */
export function encodeText(text: string): string {
  return highestCharCode(text) > 0x7f ? latin1Slice(utf8.encode(text), 0) : text;
}

/** True when every character stands for one byte. */
export function isByteString(text: string): boolean {
  return highestCharCode(text) <= 0xff;
}

/** Reads a byte string as UTF-8; a byte string that is not UTF-8 comes back unchanged. */
export function decodeText(byteString: string): string {
  const highest = highestCharCode(byteString);
  if (highest <= 0x7f || highest > 0xff) return byteString;
  try {
    return strictUtf8.decode(latin1Bytes(byteString));
  } catch {
    return byteString;
  }
}

/** The bytes of a byte string. Characters past U+00FF lose their upper bits: pass text through {@link encodeText}. */
export function latin1Bytes(byteString: string): Uint8Array {
  const bytes = new Uint8Array(byteString.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = byteString.charCodeAt(i);
  return bytes;
}

interface Latin1Slicer {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
}
// Node's own is several times faster than anything built of characters; elsewhere (Deno, browsers) the loop serves.
const native = (globalThis as { Buffer?: { prototype: Partial<Latin1Slicer> } }).Buffer?.prototype
  .latin1Slice;

/** One character per byte of `bytes` from `start` up to `end`. */
export function latin1Slice(bytes: Uint8Array, start: number, end: number = bytes.length): string {
  if (end - start <= 16) return shortText(bytes, start, end - start);
  if (native !== undefined) return native.call(bytes, start, end);
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] ?? 0);
  return text;
}

// Every index below is inside the array, so no argument is undefined.
const chars = String.fromCharCode as (...codes: (number | undefined)[]) => string;

/** Names and handles are short; for those a call out of JavaScript takes two to four times as long as this. */
function shortText(b: Uint8Array, i: number, length: number): string {
  // biome-ignore format: one line per length
  switch (length) {
    case 1: return chars(b[i]);
    case 2: return chars(b[i], b[i + 1]);
    case 3: return chars(b[i], b[i + 1], b[i + 2]);
    case 4: return chars(b[i], b[i + 1], b[i + 2], b[i + 3]);
    case 5: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4]);
    case 6: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5]);
    case 7: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6]);
    case 8: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
    case 9: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8]);
    case 10: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9]);
    case 11: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10]);
    case 12: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11]);
    case 13: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12]);
    case 14: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13]);
    case 15: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14]);
    case 16: return chars(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10], b[i + 11], b[i + 12], b[i + 13], b[i + 14], b[i + 15]);
    default: return '';
  }
}

function highestCharCode(text: string): number {
  let highest = 0;
  for (let i = 0; i < text.length; i++) highest = Math.max(highest, text.charCodeAt(i));
  return highest;
}
