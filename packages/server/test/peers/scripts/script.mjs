/** What the scripts in JavaScript share; see README.md. */
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';

const LONGEST_SHOWN = 1024;

export const port = Number(process.argv[2]);
/** Only workers have one. */
export const prefix = process.argv[3];

export function say(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

export function bytes(data) {
  const buffer = Buffer.from(data);
  return {
    size: buffer.length,
    sha1: createHash('sha1').update(buffer).digest('hex'),
    base64: buffer.length > LONGEST_SHOWN ? null : buffer.toString('base64'),
  };
}

export function payload({ base64, size, alphabet }) {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return Buffer.alloc(size, Buffer.from(Array.from({ length: alphabet }, (_, index) => index)));
}

/** Does one request per line of standard input, one after the other, until it ends. */
export async function answerRequests(actions) {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    await actions[request.do](request);
  }
}
