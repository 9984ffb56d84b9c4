import { PayloadError } from './payload-error.ts';

/** How much a payload may be. */
export interface PayloadLimits {
  /** More is an error. */
  readonly maxPayloadBytes: number;
  /** Less or more is an error; undefined when nobody knows. */
  readonly sizeBytes?: number | undefined;
}

/** Puts the parts of a payload together. */
export class PayloadCollector {
  readonly #limits: PayloadLimits;
  readonly #parts: Uint8Array[] = [];
  // With a known size there is one block from the beginning, and never a second copy.
  #block: Uint8Array | undefined;
  #length = 0;

  constructor(limits: PayloadLimits) {
    this.#limits = limits;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** @throws PayloadError `ERR_GEARMAN_PAYLOAD` when it is too much */
  push(part: Uint8Array): void {
    const { maxPayloadBytes, sizeBytes } = this.#limits;
    const length = this.#length + part.length;
    if (sizeBytes !== undefined && length > sizeBytes) {
      throw new PayloadError(`the payload is longer than its sizeBytes, which is ${sizeBytes}`);
    }
    if (length > maxPayloadBytes) {
      throw new PayloadError(`the payload is longer than maxPayloadBytes, which is ${maxPayloadBytes}`);
    }
    if (sizeBytes === undefined) this.#parts.push(part);
    else {
      this.#block ??= Buffer.allocUnsafe(sizeBytes);
      this.#block.set(part, this.#length);
    }
    this.#length = length;
  }

  /** The whole. @throws PayloadError `ERR_GEARMAN_PAYLOAD` when it is too little */
  end(): Uint8Array {
    const { sizeBytes } = this.#limits;
    if (sizeBytes !== undefined && this.#length < sizeBytes) {
      throw new PayloadError(`the payload ended after ${this.#length} bytes; its sizeBytes is ${sizeBytes}`);
    }
    const [only] = this.#parts;
    if (this.#parts.length === 1 && only !== undefined) return only;
    return this.#block ?? Buffer.concat(this.#parts);
  }
}
