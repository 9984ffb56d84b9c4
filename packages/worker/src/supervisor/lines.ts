import { StringDecoder } from 'node:string_decoder';

/** Cuts what a process prints into lines. A line that does not end is cut at `maxChars`. */
export class LineSplitter {
  readonly #take: (line: string) => void;
  readonly #maxChars: number;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(take: (line: string) => void, maxChars = 65_536) {
    this.#take = take;
    this.#maxChars = maxChars;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line.replace(/\r$/, ''));
    while (this.#rest.length >= this.#maxChars) {
      this.#take(this.#rest.slice(0, this.#maxChars));
      this.#rest = this.#rest.slice(this.#maxChars);
    }
  }

  /** The last line may have no end. */
  end(): void {
    const last = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (last !== '') this.#take(last);
  }
}
