const TAB_TO_CR_AND_NUL = '\t\n\v\f\r\0';

/**
 * A name as it can stand in a line of an answer: characters that would break the line become `\xHH`.
 *
 * gearmand prints them raw. A backslash is escaped only where the reader would take it for the start of an escape, so
 * that `App\Jobs` stays as it is and every name still reads back as itself.
 */
export function escapeName(name: string, alsoBlanks = false): string {
  let escaped = '';
  let from = 0;
  for (let at = 0; at < name.length; at++) {
    const char = name[at] as string;
    if (
      TAB_TO_CR_AND_NUL.includes(char) ||
      (alsoBlanks && char === ' ') ||
      (char === '\\' && isEscape(name, at))
    ) {
      escaped += name.slice(from, at) + hex(char);
      from = at + 1;
    }
  }
  return from === 0 ? name : escaped + name.slice(from);
}

/** The same for a line that holds nothing else: a lone full stop would end the answer. */
export function escapeLine(name: string): string {
  return name === '.' ? hex('.') : escapeName(name);
}

function hex(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function isEscape(name: string, at: number): boolean {
  return name[at + 1] === 'x' && isHexDigit(name[at + 2]) && isHexDigit(name[at + 3]);
}

function isHexDigit(char: string | undefined): boolean {
  return char !== undefined && '0123456789abcdefABCDEF'.includes(char);
}
