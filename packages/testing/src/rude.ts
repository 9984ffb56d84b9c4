import { HEADER_BYTES, type Packet, type PacketType, response } from '@gearman/protocol';
import type { FakePeer } from './fake-peer.ts';
import { bytesOf } from './raw-connection.ts';

/**
 * What a server does with a packet that it has received, or instead of one that it was about to send.
 *
 * @see FakeServer.onNext
 * @see FakeServer.insteadOfNext
 */
export type Rudeness<T extends PacketType = PacketType> = (peer: FakePeer, packet: Packet<T>) => void;

type WithHandle = Packet & { readonly handle: string };

/** Ready-made manners to be without. */
export const rude = {
  /** Nothing at all, for ever. */
  silent: (): Rudeness => () => {},
  /** Nothing, and from now on nobody is there: see {@link FakePeer.halfOpen}. */
  halfOpen: (): Rudeness => (peer) => peer.halfOpen(),
  /** The first `bytes` of the packet, then the end of the connection. */
  closeAt:
    (bytes: number): Rudeness =>
    (peer, packet) =>
      peer.end(bytesOf(packet).subarray(0, bytes)),
  /** The first `bytes` of the packet, then a reset, as when the process is killed. */
  resetAt:
    (bytes: number): Rudeness =>
    (peer, packet) =>
      peer.reset(bytesOf(packet).subarray(0, bytes)),
  /** The packet byte by byte. */
  dribble: (): Rudeness => (peer, packet) => peer.dribble(bytesOf(packet)),
  /** The packet, once `until` has resolved. */
  late:
    (until: PromiseLike<unknown>): Rudeness =>
    (peer, packet) => {
      void until.then(() => peer.sendBytes(bytesOf(packet)));
    },
  /** The packet twice. */
  twice: (): Rudeness => (peer, packet) => peer.sendBytes(bytesOf(packet, packet)),
  /** These bytes: those of a web server unless told otherwise. */
  garbage:
    (bytes: string | Uint8Array = 'HTTP/1.1 400 Bad Request\r\n\r\n'): Rudeness =>
    (peer) =>
      peer.sendBytes(bytes),
  /** Other packets first, then this one. */
  after:
    (...unasked: readonly Packet[]): Rudeness =>
    (peer, packet) =>
      peer.sendBytes(bytesOf(...unasked, packet)),
  /** These packets instead. */
  instead:
    (...others: readonly Packet[]): Rudeness =>
    (peer) =>
      peer.sendBytes(bytesOf(...others)),
  /** The packet with a handle that means nothing to the other side. Only for packets that have one. */
  otherHandle:
    (handle = 'H:nobody:0'): Rudeness =>
    (peer, packet) => {
      if (!('handle' in packet)) throw new Error(`${packet.type} has no handle`);
      const other: WithHandle = { ...packet, handle };
      peer.sendBytes(bytesOf(other));
    },
  /** An ERROR. */
  error:
    (code = 'QUEUE_ERROR', text = 'no'): Rudeness =>
    (peer) =>
      peer.sendBytes(bytesOf(response('ERROR', { code, text }))),
  /** The packet, but its header promises a body of `sizeBytes`, which never comes. */
  oversize:
    (sizeBytes: number): Rudeness =>
    (peer, packet) => {
      const bytes = bytesOf(packet);
      bytes.writeUInt32BE(sizeBytes, HEADER_BYTES - 4);
      peer.sendBytes(bytes);
    },
} as const;
