declare global {
  /** A type of browsers that `@msgpack/msgpack` mentions, and Node's types lack. */
  type BufferSource = ArrayBufferView | ArrayBuffer;
}

export {};
