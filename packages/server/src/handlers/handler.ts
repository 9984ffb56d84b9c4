import type { Packet, PacketType } from '@gearman/protocol';
import type { Session } from '../net/session.ts';

/** Translates one kind of packet into calls of the engine, and what they return into answers. */
export type Handler<T extends PacketType> = (session: Session, packet: Packet<T>) => void;
