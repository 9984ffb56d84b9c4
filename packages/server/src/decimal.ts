const TWO_TO_63 = 2 ** 63;

/**
 * The number a text begins with, read as C's `strtoll` does: blanks, a sign, digits; whatever follows is ignored and
 * no digits at all mean 0. Undefined when it does not fit in 64 bits.
 */
export function leadingInteger(text: string): number | undefined {
  let at = 0;
  while (isBlank(text.charCodeAt(at))) at++;
  const negative = text[at] === '-';
  if (negative || text[at] === '+') at++;
  let value = 0;
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    if (value >= TWO_TO_63) return undefined;
  }
  return negative && value > 0 ? -value : value;
}

/** The same, kept as gearmand keeps status numbers: clamped to 64 bits, of which the lower 32 remain. */
export function leadingUint32(text: string): number {
  const value = leadingInteger(text);
  // The lower half of the smallest and of the largest number of 64 bits.
  if (value === undefined) return text.trimStart().startsWith('-') ? 0 : 0xffffffff;
  if (Number.isSafeInteger(value)) return value >>> 0;
  return Number(BigInt.asUintN(32, BigInt(/-?\d+/.exec(text)?.[0] ?? 0)));
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}
