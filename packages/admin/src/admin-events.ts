import type { ListenerErrorEvent } from '@gearman/events';
import type { ConnectionLostError } from '@gearman/pool';
import type { GearmanError } from '@gearman/protocol';

/** Everything an admin tells, discriminated on `type`. `server` is `host:port`. */
export type AdminEvent =
  /** A connection for one or more commands is open. */
  | { readonly type: 'connect'; readonly server: string }
  /** It is gone: lost with an error, or closed by us because it was no longer needed. */
  | { readonly type: 'disconnect'; readonly server: string; readonly error: ConnectionLostError | undefined }
  /** A command has ended. `error` tells why there was no answer; a refusal is an answer. */
  | {
      readonly type: 'command';
      readonly server: string;
      readonly command: string;
      readonly durationMs: number;
      readonly error: GearmanError | undefined;
    }
  /** The admin is closed; the last event. */
  | { readonly type: 'close' }
  | ListenerErrorEvent;
