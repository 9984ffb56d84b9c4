import type { PayloadFileName } from '../store/store.ts';

/**
 * A payload that is not in memory but in a file. Whoever is going to read the file or needs it otherwise retains it; when all
 * have released it, it is let go of.
 */
export class PayloadFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** 64 hexadecimal digits; known at least when the payload is its own key. */
  readonly sha256: string | undefined;
  /** Undefined in stores of before there was one. */
  readonly crc32: number | undefined;
  readonly #whenUnused: (() => void) | undefined;
  #users = 0;

  /** @param whenUnused what to do when nobody needs it any more; nothing when it belongs to somebody else */
  constructor({ path, sizeBytes, sha256, crc32 }: PayloadFileName, whenUnused?: (file: PayloadFile) => void) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.sha256 = sha256;
    this.crc32 = crc32;
    this.#whenUnused = whenUnused === undefined ? undefined : () => whenUnused(this);
  }

  retain(): this {
    this.#users++;
    return this;
  }

  release(): void {
    if (--this.#users === 0) this.#whenUnused?.();
  }
}
