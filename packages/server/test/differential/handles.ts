import { PACKETS, type PacketDefinition, packetTypeOf } from '@gearman/protocol';

const HEADER_BYTES = 12;
export const HANDLE_PREFIX = 'H:diff';
const HANDLE = /H:diff:[0-9a-z-]+/g;

/** The jobs of one script on one server: the first that is created is `job1`. */
export class Handles {
  readonly #names = new Map<string, string>();
  readonly #handles = new Map<string, string>();

  /** The server's own handle; whoever asks for a job that it does not have gets a handle that nobody has. */
  handleOf(name: string): string {
    return this.#handles.get(name) ?? `${HANDLE_PREFIX}:none`;
  }

  /** A message without what differs between servers, as people read it. Handles of other scripts stay as they are. */
  translate(message: string): string {
    const type = packetTypeOfMessage(message);
    const shown = type === undefined ? JSON.stringify(message) : readPacket(type, message);
    if (type === 'JOB_CREATED') this.#learn(message.slice(HEADER_BYTES));
    return shown.replaceAll(HANDLE, (handle) => this.#names.get(handle) ?? handle);
  }

  #learn(handle: string): void {
    if (this.#names.has(handle)) return;
    const name = `job${this.#names.size + 1}`;
    this.#names.set(handle, name);
    this.#handles.set(name, handle);
  }
}

function packetTypeOfMessage(message: string) {
  if (!message.startsWith('\0RES')) return undefined;
  return packetTypeOf(Buffer.from(message.slice(4, 8), 'latin1').readUInt32BE());
}

/** `TYPE first|second|rest` */
function readPacket(type: keyof typeof PACKETS, message: string): string {
  const { args }: PacketDefinition = PACKETS[type];
  const separators = Math.max(0, args.length - 1);
  const parts = message.slice(HEADER_BYTES).split('\0');
  const fields = [...parts.slice(0, separators), parts.slice(separators).join('\0')];
  return `${type} ${fields.map((field) => JSON.stringify(field).slice(1, -1)).join('|')}`.trimEnd();
}

/**
 * The messages of one connection as they can be compared: without versions, process ids and descriptors, without lines
 * about other scripts, listings sorted.
 *
 * @param tag stands in every name of the script
 */
export function normalize(messages: readonly string[], tag: string): string[] {
  const result: string[] = [];
  let listing: string[] = [];
  for (const message of messages) {
    if (!message.startsWith('"')) {
      result.push(message);
    } else if (message === '".\\n"') {
      result.push(...listing.sort(), message);
      listing = [];
    } else if (/^"(?:OK|ERR)\b/.test(message)) {
      result.push(message.replace(/^"OK (?:\d+|\d+\.\d+\.\d+\S*)\\n"/, '"OK ###\\n"'));
    } else if (message.includes(tag) || /^"job\d+\b/.test(message)) {
      listing.push(message.replace(/^"\d+ 127\.0\.0\.1 /, '"# 127.0.0.1 '));
    }
  }
  // Nothing ends a listing but its full stop.
  return [...result, ...listing];
}
