import {
  encodePacket,
  type Packet,
  type PacketType,
  type RequestType,
  type ResponseType,
  request,
  response,
  StreamParser,
} from '@gearman/protocol';
import { describe, expectTypeOf, it } from 'vitest';

describe('the types', () => {
  it('narrow a packet on its type', () => {
    const read = (packet: Packet) => {
      switch (packet.type) {
        case 'SUBMIT_JOB':
          expectTypeOf(packet).toEqualTypeOf<Packet<'SUBMIT_JOB'>>();
          expectTypeOf(packet.functionName).toEqualTypeOf<string>();
          expectTypeOf(packet.workload).toEqualTypeOf<Uint8Array>();
          expectTypeOf(packet).not.toHaveProperty('handle');
          break;
        case 'WORK_COMPLETE':
        case 'WORK_DATA':
          expectTypeOf(packet.handle).toEqualTypeOf<string>();
          expectTypeOf(packet.magic).toEqualTypeOf<'REQ' | 'RES'>();
          break;
        case 'NOOP':
          expectTypeOf(packet).toEqualTypeOf<Packet<'NOOP'>>();
          break;
        default:
          expectTypeOf(packet.type).not.toEqualTypeOf<PacketType>();
      }
    };
    expectTypeOf(read).returns.toBeVoid();
  });

  it('narrow what a parser yields', () => {
    for (const message of new StreamParser().push(new Uint8Array(0))) {
      if (message.type === 'TEXT') expectTypeOf(message.line).toEqualTypeOf<string>();
      else if (message.type === 'UNKNOWN') expectTypeOf(message.packetCode).toEqualTypeOf<number>();
      else if (message.type === 'INVALID') expectTypeOf(message.offsetBytes).toEqualTypeOf<number>();
      else if (message.type === 'OVERSIZE' || message.type === 'MALFORMED') {
        expectTypeOf(message.packetType).toEqualTypeOf<PacketType>();
      } else expectTypeOf(message).toEqualTypeOf<Packet>();
    }
  });

  it('tell requests from responses', () => {
    expectTypeOf<'SUBMIT_JOB'>().toExtend<RequestType>();
    expectTypeOf<'SUBMIT_JOB'>().not.toExtend<ResponseType>();
    expectTypeOf<'JOB_CREATED'>().not.toExtend<RequestType>();
    expectTypeOf<'WORK_FAIL'>().toExtend<RequestType & ResponseType>();
    expectTypeOf<RequestType | ResponseType>().toEqualTypeOf<PacketType>();
  });

  it('infer the fields of request() and response()', () => {
    const workload = new Uint8Array(0);
    expectTypeOf(request('SUBMIT_JOB', { functionName: 'f', uniqueId: '', workload })).toEqualTypeOf<
      Packet<'SUBMIT_JOB'>
    >();
    expectTypeOf(request<'SUBMIT_JOB'>)
      .parameter(1)
      .toEqualTypeOf<{
        readonly functionName: string;
        readonly uniqueId: string;
        readonly workload: Uint8Array;
      }>();
    expectTypeOf(response('JOB_CREATED', { handle: 'h' })).toEqualTypeOf<Packet<'JOB_CREATED'>>();
    expectTypeOf(response('NOOP', {})).toExtend<Packet>();
    expectTypeOf(encodePacket).parameter(0).toEqualTypeOf<Packet>();

    // @ts-expect-error a field is missing
    request('CAN_DO_TIMEOUT', { functionName: 'f' });
    // @ts-expect-error a field has the wrong kind
    request('ECHO_REQ', { data: 'text' });
    // @ts-expect-error a field that this packet does not have
    request('CAN_DO', { functionName: 'f', uniqueId: '' });
    // @ts-expect-error a job server sends this, nobody else
    request('JOB_CREATED', { handle: 'h' });
    // @ts-expect-error nobody sends this
    response('SUBMIT', {});
  });
});
