/** What one row of the packet table says. */
export interface PacketDefinition {
  /** The number on the wire. */
  readonly code: number;
  /** Who sends it: `REQ` towards the job server, `RES` from it. */
  readonly magic: readonly Magic[];
  /** All but the last end with a NUL; the last takes the rest of the body. */
  readonly args: readonly { readonly name: string; readonly kind: 'text' | 'bytes' }[];
  /** What a receiver must forgive, because servers in use send it. */
  readonly lenient?: 'trailing-nul' | 'doubled-nul' | 'missing-last' | undefined;
  /** What both sides must have agreed on before; undefined for a packet of the protocol itself. */
  readonly extension?: `x-${string}` | undefined;
}

/** `REQ` (`\0REQ`) goes to the job server, `RES` (`\0RES`) comes from it. */
export type Magic = 'REQ' | 'RES';

/** An argument that is a byte string. */
export const text = <const N extends string>(name: N) => ({ name, kind: 'text' }) as const;
/** An argument that is bytes, and the last. */
export const bytes = <const N extends string>(name: N) => ({ name, kind: 'bytes' }) as const;
