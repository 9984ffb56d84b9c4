import { type Packet, request } from '@gearman/protocol';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

export const canDo = (functionName: string): Packet => request('CAN_DO', { functionName });
export const grab = (): Packet => request('GRAB_JOB', {});
export const preSleep = (): Packet => request('PRE_SLEEP', {});
export const echo = (text: string): Packet => request('ECHO_REQ', { data: bytes(text) });

export const submit = (functionName: string, workload = 'x', uniqueId = ''): Packet =>
  request('SUBMIT_JOB', { functionName, uniqueId, workload: bytes(workload) });

export const submitBackground = (functionName: string, workload = 'x', uniqueId = ''): Packet =>
  request('SUBMIT_JOB_BG', { functionName, uniqueId, workload: bytes(workload) });

export const workData = (handle: string, data: string): Packet =>
  request('WORK_DATA', { handle, data: bytes(data) });

export const workComplete = (handle: string, data: string): Packet =>
  request('WORK_COMPLETE', { handle, data: bytes(data) });

/** A header with any values, right or wrong. */
export function header(code: number, sizeBytes: number, magic = '\0REQ'): Buffer {
  const head = Buffer.alloc(12);
  head.write(magic, 0, 'latin1');
  head.writeUInt32BE(code, 4);
  head.writeUInt32BE(sizeBytes, 8);
  return head;
}

/** The handle in a JOB_CREATED or in a JOB_ASSIGN. */
export function handleIn(message: string | undefined): string {
  return message?.slice(12).split('\0')[0] ?? '';
}
