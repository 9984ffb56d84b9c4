import { encodeText, type Packet, request } from '@gearman/protocol';
import { RawConnection } from './raw-connection.ts';

/** A job that a {@link RawWorker} holds. Every call sends one packet, nothing is checked. */
export interface RawJob {
  readonly handle: string;
  readonly functionName: string;
  readonly uniqueId: string;
  readonly workload: Uint8Array;
  /** The workload as UTF-8. */
  readonly text: string;
  data(data: Uint8Array | string): void;
  warning(data: Uint8Array | string): void;
  status(numerator: number | string, denominator: number | string): void;
  complete(data?: Uint8Array | string): void;
  fail(): void;
  exception(data: Uint8Array | string): void;
}

/** What a {@link RawWorker} does with a job, now or later. */
export type RawHandler = (job: RawJob) => void;

/** A worker of one connection that takes every job it can get, at once, and does what it is told. */
export interface RawWorker {
  /** Drops the connection: the server takes unfinished jobs back. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a worker on a port of 127.0.0.1; resolves when the server knows its functions. */
export async function startRawWorker(
  port: number,
  functions: Readonly<Record<string, RawHandler>>,
): Promise<RawWorker> {
  const connection = await RawConnection.open(port);
  const handlers = new Map(Object.entries(functions).map(([name, handler]) => [encodeText(name), handler]));
  for (const functionName of handlers.keys()) connection.send(request('CAN_DO', { functionName }));
  connection.send(request('ECHO_REQ', { data: new Uint8Array(0) }));
  await connection.expect('ECHO_RES');

  const grab = (): void => connection.send(request('GRAB_JOB_UNIQ', {}));
  connection.listen((packet) => {
    if (packet.type === 'JOB_ASSIGN_UNIQ') {
      grab();
      handlers.get(packet.functionName)?.(rawJob(connection, packet));
    } else if (packet.type === 'NO_JOB') connection.send(request('PRE_SLEEP', {}));
    else if (packet.type === 'NOOP') grab();
  });
  grab();
  return { stop: () => connection.close(), [Symbol.asyncDispose]: () => connection.close() };
}

function rawJob(connection: RawConnection, packet: Packet<'JOB_ASSIGN_UNIQ'>): RawJob {
  const { handle, functionName, uniqueId } = packet;
  const workload = Uint8Array.from(packet.workload);
  return {
    handle,
    functionName,
    uniqueId,
    workload,
    get text() {
      return new TextDecoder().decode(workload);
    },
    data: (data) => connection.send(request('WORK_DATA', { handle, data: toBytes(data) })),
    warning: (data) => connection.send(request('WORK_WARNING', { handle, data: toBytes(data) })),
    status: (numerator, denominator) =>
      connection.send(
        request('WORK_STATUS', { handle, numerator: String(numerator), denominator: String(denominator) }),
      ),
    complete: (data = '') => connection.send(request('WORK_COMPLETE', { handle, data: toBytes(data) })),
    fail: () => connection.send(request('WORK_FAIL', { handle })),
    exception: (data) => connection.send(request('WORK_EXCEPTION', { handle, data: toBytes(data) })),
  };
}

function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}
