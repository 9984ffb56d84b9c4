/** What the scripts in JavaScript share; see scripts.md. */
import { createHash } from 'node:crypto';

const LONGEST_SHOWN = 1024;

export const [port, detail] = [Number(process.argv[2]), process.argv[3] ?? ''];

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

/** Does the requests of the command line one after the other. */
export async function answerRequests(actions) {
  // abraxas does not keep its process alive while it waits for an answer.
  const alive = setInterval(() => {}, 60_000);
  for (const request of JSON.parse(detail)) await actions[request.do](request);
  say('end');
  clearInterval(alive);
}
