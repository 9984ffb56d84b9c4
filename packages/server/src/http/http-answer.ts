import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { VERSION } from '../version.ts';

/** What every answer says. Results are whatever a worker sent, so no browser is to guess what they are. */
export const COMMON_HEADERS: OutgoingHttpHeaders = {
  Server: `Gearman/${VERSION}`,
  'X-Content-Type-Options': 'nosniff',
};

/** Answers with a status and no result; anything but 200 gets a reason in JSON, if there is something to say. */
export function answerShortly(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  reason?: { readonly error: string; readonly message: string },
): void {
  const body = reason === undefined ? '' : `${JSON.stringify(reason)}\n`;
  response.writeHead(status, {
    ...COMMON_HEADERS,
    ...headers,
    ...(reason !== undefined && { 'Content-Type': 'application/json' }),
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
