/** One option of a command line, or a word that is none. */
export type Word =
  | { readonly is: 'option'; readonly letter: string; readonly value: string }
  | { readonly is: 'argument'; readonly text: string }
  | { readonly is: 'unknown' };

/**
 * Splits a command line as `getopt()` of glibc does: letters may be bundled, a value is the rest of the word or the next
 * word, options and arguments may come in any order, and `--` ends the options.
 *
 * @param letters as `getopt()` wants them: a colon behind a letter that takes a value
 */
export function splitOptions(args: readonly string[], letters: string): Word[] {
  const words: Word[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') return [...words, ...rest.map((text) => ({ is: 'argument', text }) as const)];
    if (arg === '-' || !arg.startsWith('-')) words.push({ is: 'argument', text: arg });
    else words.push(...splitBundle(arg.slice(1), rest, letters));
  }
  return words;
}

function splitBundle(bundle: string, rest: string[], letters: string): Word[] {
  const words: Word[] = [];
  for (const [at, letter] of [...bundle].entries()) {
    const found = letter === ':' ? -1 : letters.indexOf(letter);
    const takesValue = found >= 0 && letters[found + 1] === ':';
    if (found < 0) words.push({ is: 'unknown' });
    else if (!takesValue) words.push({ is: 'option', letter, value: '' });
    else {
      const attached = [...bundle].slice(at + 1).join('');
      const value = attached === '' ? rest.shift() : attached;
      words.push(value === undefined ? { is: 'unknown' } : { is: 'option', letter, value });
      return words;
    }
  }
  return words;
}
