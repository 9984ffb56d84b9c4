import { latin1Slice, type Packet, request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import type { JobBook, Wish } from './job-book.ts';

const IN_FLIGHT = 16;
const echo = (text: string): Packet => request('ECHO_REQ', { data: Buffer.from(text, 'latin1') });

/**
 * Submits jobs, a number of them at a time, until the server is gone.
 *
 * @param refused called for each submit that was refused; without, that is complained about
 */
export async function startClient(
  port: number,
  book: JobBook,
  refused?: (text: string) => void,
): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  // Answers come in the order of the submits.
  const asked: Wish[] = [];
  const submit = (): void => {
    const wish = book.wish();
    asked.push(wish);
    connection.send(wish.packet);
  };
  connection.listen((packet) => {
    if (packet.type !== 'JOB_CREATED' && packet.type !== 'ERROR') return;
    const wish = asked.shift();
    if (packet.type === 'JOB_CREATED') {
      if (wish !== undefined) book.acknowledge(wish, packet.handle);
    } else if (refused === undefined) {
      book.complaints.push(`a submit was refused: ${packet.text}`);
    } else {
      refused(packet.text);
    }
    submit();
  });
  for (let i = 0; i < IN_FLIGHT; i++) submit();
  return connection;
}

/**
 * Takes jobs as fast as they come, and completes them, but for those that `keeps` says: they are in flight at the kill.
 */
export async function startWorker(
  port: number,
  functions: readonly string[],
  book: JobBook,
  keeps: () => boolean,
): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  for (const functionName of functions) connection.send(request('CAN_DO', { functionName }));
  const grab = (): void => connection.send(request('GRAB_JOB_UNIQ', {}));
  connection.listen((packet) => {
    switch (packet.type) {
      case 'JOB_ASSIGN_UNIQ': {
        const { handle, functionName, workload } = packet;
        book.assign(handle, functionName, latin1Slice(workload, 0, workload.length));
        grab();
        if (keeps()) return;
        book.complete(handle);
        connection.send(request('WORK_COMPLETE', { handle, data: new Uint8Array(0) }), echo(handle));
        break;
      }
      case 'ECHO_RES':
        book.confirm(latin1Slice(packet.data, 0, packet.data.length));
        break;
      case 'NO_JOB':
        connection.send(request('PRE_SLEEP', {}));
        break;
      case 'NOOP':
        grab();
        break;
      default:
        book.complaints.push(`a worker got ${packet.type}`);
    }
  });
  grab();
  return connection;
}
