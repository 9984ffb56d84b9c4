import { type ServerAddress, serverName } from './address.ts';
import { Connection } from './connection.ts';
import { type ConnectionSettings, settingsFor } from './connection-options.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { createDumpDial } from './dump.ts';
import { createDuplexDial } from './duplex-dial.ts';
import type { Dumped } from './pool-events.ts';
import type { Dial } from './transport.ts';

/** A connection to a server, with the settings and the way of dialling that are right for it. It is not open yet. */
export function connectionTo(
  address: ServerAddress,
  pool: ConnectionSettings & { readonly dial: Dial },
  owner: ConnectionOwner,
  onDump: (server: string, direction: 'read' | 'write', dumped: Dumped) => void,
): Connection {
  const settings = settingsFor(pool, address.options);
  const server = serverName(address);
  const dial = address.kind === 'stream' ? createDuplexDial(address.open) : pool.dial;
  const shown = createDumpDial(dial, settings, (direction, dumped) => onDump(server, direction, dumped));
  return new Connection(address, settings, shown, owner);
}
