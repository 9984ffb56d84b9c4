/** What one or more files add up to. Tallies of neighbouring files can be merged in any grouping. */
export interface Tally {
  readonly files: number;
  /** Words as `wc -w` counts them: runs of anything but white space. */
  readonly words: number;
  /** Whether the text starts, and ends, in the middle of a word; null for a text without a character. */
  readonly edges: { readonly startsInWord: boolean; readonly endsInWord: boolean } | null;
  /** How often each word occurs: letters and digits, in lower case. */
  readonly frequencies: Readonly<Record<string, number>>;
  /** Files counted by each worker process. */
  readonly shares: Readonly<Record<string, number>>;
}

// The C library's white space, and the no-break spaces that wc takes for white space, too.
const SPACE = /[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2060\u3000]+/u;
const WORD = /[\p{L}\p{N}]+/gu;

/** Counts one file. `worker` names who did it. */
export function countWords(text: string, worker: string): Tally {
  const runs = text.split(SPACE);
  const startsInWord = runs[0] !== '';
  const endsInWord = runs.at(-1) !== '';
  const frequencies = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(WORD)) {
    frequencies.set(word, (frequencies.get(word) ?? 0) + 1);
  }
  return {
    files: 1,
    words: runs.filter((run) => run !== '').length,
    edges: text === '' ? null : { startsInWord, endsInWord },
    frequencies: Object.fromEntries(frequencies),
    shares: { [worker]: 1 },
  };
}

/** Adds up tallies of files that stand one behind the other. */
export function mergeTallies(tallies: readonly Tally[]): Tally {
  const frequencies = new Map<string, number>();
  const shares = new Map<string, number>();
  let files = 0;
  let words = 0;
  let edges: Tally['edges'] = null;
  for (const tally of tallies) {
    files += tally.files;
    words += tally.words;
    // A word cut by the border of two files is one word for `cat a b | wc -w`.
    if (edges?.endsInWord === true && tally.edges?.startsInWord === true) words--;
    edges = joinEdges(edges, tally.edges);
    addUp(frequencies, tally.frequencies);
    addUp(shares, tally.shares);
  }
  return {
    files,
    words,
    edges,
    frequencies: Object.fromEntries(frequencies),
    shares: Object.fromEntries(shares),
  };
}

function joinEdges(left: Tally['edges'], right: Tally['edges']): Tally['edges'] {
  if (left === null || right === null) return left ?? right;
  return { startsInWord: left.startsInWord, endsInWord: right.endsInWord };
}

function addUp(sums: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [key, count] of Object.entries(counts)) sums.set(key, (sums.get(key) ?? 0) + count);
}
