import { HEADER_BYTES, PACKETS, type PacketDefinition, packetTypeOf } from '@gearman/protocol';

/** A message as people read it: `JOB_ASSIGN handle|function|payload`, or the text itself. */
export function readMessage(message: string): string {
  if (!message.startsWith('\0RE')) return JSON.stringify(message);
  const bytes = Buffer.from(message, 'latin1');
  const type = packetTypeOf(bytes.readUInt32BE(4));
  if (type === undefined) return `packet ${bytes.readUInt32BE(4)}`;
  const definition: PacketDefinition = PACKETS[type];
  const parts = message.slice(HEADER_BYTES).split('\0');
  const separators = Math.max(0, definition.args.length - 1);
  const args = [...parts.slice(0, separators), parts.slice(separators).join('\0')];
  const shown = args.map((arg) => JSON.stringify(arg).slice(1, -1)).join('|');
  return shown === '' ? type : `${type} ${shown}`;
}
