/** What a session needs of the stream to its peer: `net.Socket`, `tls.TLSSocket` and in-process pipes have it. */
export interface Transport {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close' | 'drain', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  write(bytes: Uint8Array): boolean;
  end(): unknown;
  destroy(): unknown;
  cork(): void;
  uncork(): void;
  pause(): unknown;
  resume(): unknown;
  /** Bytes that the peer has not taken yet. */
  readonly writableLength: number;
}
