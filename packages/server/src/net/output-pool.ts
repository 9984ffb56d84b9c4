import { PacketWriter } from '@gearman/protocol';
import { FILE_PIECE_BYTES, type PiecePool } from './file-output.ts';

const MOST_SPARE_WRITERS = 64;
const MOST_SPARE_PIECES = 16;
/** Most turns fit into one block, and one block leaves with one plain write. */
const SMALLEST_BLOCK_BYTES = 2048;

/** What the outboxes of one server share: writers nobody uses at the moment, and the account of what waits in them. */
export class OutputPool implements PiecePool {
  /** Bytes that peers have not taken yet, all together. */
  waitingBytes = 0;
  // Idle connections need no writer; a busy server needs as many as it has connections with output in one turn.
  readonly #spare: PacketWriter[] = [];
  readonly #sparePieces: Buffer[] = [];

  take(): PacketWriter {
    return this.#spare.pop() ?? newWriter();
  }

  /** Takes an empty writer back. */
  giveBack(writer: PacketWriter): void {
    if (this.#spare.length < MOST_SPARE_WRITERS) this.#spare.push(writer);
  }

  takePiece(): Buffer {
    return this.#sparePieces.pop() ?? Buffer.allocUnsafeSlow(FILE_PIECE_BYTES);
  }

  givePieceBack(piece: Buffer): void {
    if (this.#sparePieces.length < MOST_SPARE_PIECES) this.#sparePieces.push(piece);
  }
}

/** For peers in this process, which may keep what they are sent. */
export const NEW_PIECES: PiecePool = {
  takePiece: () => Buffer.allocUnsafeSlow(FILE_PIECE_BYTES),
  givePieceBack: () => {},
};

function newWriter(): PacketWriter {
  return new PacketWriter({ allocate: (bytes) => Buffer.allocUnsafe(Math.max(bytes, SMALLEST_BLOCK_BYTES)) });
}
