/** What a session needs of the stream to its peer: `net.Socket`, `tls.TLSSocket` and in-process pipes have it. */
export interface Transport {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** `taken` is called when the peer has taken these bytes and all before. */
  write(bytes: Uint8Array, taken?: () => void): boolean;
  end(): unknown;
  destroy(): unknown;
  cork(): void;
  uncork(): void;
  pause(): unknown;
  resume(): unknown;
  /** Bytes that the peer has not taken yet. */
  readonly writableLength: number;
}
