import { createHash, randomUUID } from 'node:crypto';
import { type FunctionName, toUniqueId, type UniqueId } from '@gearman/protocol';

// The longest that any server merges is 63.
const HASH_DIGITS = 40;

/** The unique id that a job is sent with. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function chooseUniqueId(
  wanted: string | undefined,
  generate: boolean,
  functionName: FunctionName,
  workload: Uint8Array,
): UniqueId {
  if (wanted === undefined) return toUniqueId(generate ? randomUUID() : '');
  if (wanted === 'payload') return toUniqueId(hashOf(functionName, workload));
  return toUniqueId(wanted);
}

/** Equal function and payload, equal id; from any client, on any machine. */
function hashOf(functionName: FunctionName, workload: Uint8Array): string {
  const hash = createHash('sha256').update(functionName, 'latin1').update('\0').update(workload);
  return hash.digest('hex').slice(0, HASH_DIGITS);
}
