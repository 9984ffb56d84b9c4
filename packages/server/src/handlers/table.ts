import type { PacketType, RequestType } from '@gearman/protocol';
import { connectionHandlers } from './connection.ts';
import { failWith, getResult, submitWith } from './extended.ts';
import { agreed } from './extensions.ts';
import { grabHandlers } from './grab.ts';
import type { Handler } from './handler.ts';
import { registerHandlers } from './register.ts';
import { scheduleHandlers } from './schedule.ts';
import { statusHandlers } from './status.ts';
import { submitHandlers } from './submit.ts';
import { workHandlers } from './work.ts';

/** One handler for every packet that travels towards a job server; a new packet without one does not compile. */
const REQUEST_HANDLERS: { readonly [T in RequestType]: Handler<T> } = {
  ...registerHandlers,
  ...grabHandlers,
  ...submitHandlers,
  ...workHandlers,
  ...statusHandlers,
  ...connectionHandlers,
  ...scheduleHandlers,
  SUBMIT_JOB_WITH: agreed('SUBMIT_JOB_WITH', 'x-submit', submitWith),
  WORK_FAIL_WITH: agreed('WORK_FAIL_WITH', 'x-attempts', failWith),
  GET_RESULT: agreed('GET_RESULT', 'x-results', getResult),
};

/** The handler of a packet type; undefined for those that only servers send. */
export function handlerOf<T extends PacketType>(type: T): Handler<T> | undefined {
  // The keys of the table are packet types, and each one's handler takes the packet of that type.
  return REQUEST_HANDLERS[type as RequestType] as Handler<T> | undefined;
}
