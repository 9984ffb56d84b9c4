import { once } from 'node:events';
import { connect } from 'node:net';
import { encodePacket, encodeText, PacketParser, request } from '@gearman/protocol';

/** Makes a schedule of every hour. @returns its handle */
export async function submitSchedule(port: number, functionName: string, uniqueId: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  const packet = request('SUBMIT_JOB_SCHED', {
    ...{ functionName: encodeText(functionName), uniqueId: encodeText(uniqueId) },
    ...{ minute: '0', hour: '', dayOfMonth: '', month: '', dayOfWeek: '', workload: new Uint8Array(0) },
  });
  for (const bytes of encodePacket(packet)) socket.write(bytes);
  const [chunk] = (await once(socket, 'data')) as [Uint8Array];
  socket.destroy();
  const [answer] = new PacketParser().push(chunk);
  if (answer?.type !== 'JOB_CREATED') throw new Error(`the server answered ${answer?.type}`);
  return answer.handle;
}
