import { type Packet, PacketWriter } from '@gearman/protocol';
import type { Commit } from '../engine/ledger.ts';
import { storeRefusal } from '../handlers/refusals.ts';
import type { FileOutput } from './file-output.ts';

/** Output that waits for a commit: answers that are true only if it succeeds, and what was said after them. */
export class Withheld {
  readonly commit: Commit;
  /** A file that is to be sent before everything else. */
  readonly file: FileOutput | undefined;
  /** Everything, when nothing more is added. */
  chunks: Uint8Array[] = [];
  sizeBytes = 0;
  /** Where the answers begin and end, in turns. */
  readonly #places: number[] = [];

  constructor(commit: Commit, file?: FileOutput) {
    this.commit = commit;
    this.file = file;
  }

  /** Writes an answer that counts only if the commit succeeds. */
  write(writer: PacketWriter, packet: Packet): void {
    this.#places.push(writer.sizeBytes);
    writer.write(packet);
    this.#places.push(writer.sizeBytes);
  }

  /** Nothing more is added to what `writer` has. */
  seal(writer: PacketWriter): void {
    this.sizeBytes = writer.sizeBytes;
    this.chunks = writer.take();
  }

  /** What is to be sent now that the commit is decided: with an ERROR in the place of each answer if it failed. */
  decided(): Uint8Array[] {
    const { outcome } = this.commit;
    return outcome instanceof Error ? this.#refused(outcome) : this.chunks;
  }

  #refused(cause: Error): Uint8Array[] {
    const bytes = Buffer.concat(this.chunks);
    const error: Packet = { type: 'ERROR', magic: 'RES', ...storeRefusal(cause) };
    const writer = new PacketWriter();
    let from = 0;
    for (let i = 0; i < this.#places.length; i += 2) {
      writer.writeBytes(bytes.subarray(from, this.#places[i]));
      writer.write(error);
      from = this.#places[i + 1] ?? bytes.length;
    }
    writer.writeBytes(bytes.subarray(from));
    this.sizeBytes = writer.sizeBytes;
    return writer.take();
  }
}
