/** So many packets are encoded or decoded at a time: what one read or one turn of a busy connection carries. */
export const PACKETS = 64;

/** The part of mitata's JSON that is used. */
export interface CodecTimes {
  readonly benchmarks: readonly {
    readonly alias: string;
    readonly runs: readonly { readonly stats?: { readonly p50: number } }[];
  }[];
}
