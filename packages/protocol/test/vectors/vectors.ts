import { readFileSync } from 'node:fs';
import type { Magic } from '@gearman/protocol';

/** One message as a server or its peer wrote it. */
export interface Frame {
  /** `version scenario#number`, for example `1.1.20 echo#1`. */
  readonly id: string;
  readonly conn: string;
  readonly dir: 'to-server' | 'from-server';
  readonly kind: 'binary' | 'text' | 'mixed' | 'http';
  readonly bytes: Uint8Array;
  /** What the recording documents about a binary frame; undefined where it documents nothing. */
  readonly documented: DocumentedPacket | undefined;
}

export interface DocumentedPacket {
  readonly magic: Magic | 'invalid';
  readonly code: number;
  /** Null for a number that has no name. */
  readonly type: string | null;
  readonly size: number;
  /** Arguments in wire order, one character per byte. */
  readonly fields: Readonly<Record<string, string>>;
}

type Line =
  | { readonly scenario: string }
  | ({
      readonly seq: number;
      readonly conn: string;
      readonly dir: Frame['dir'];
      readonly kind: Frame['kind'];
      readonly hex: string;
    } & Partial<DocumentedPacket>);

function readFrames(version: string): Frame[] {
  const text = readFileSync(new URL(`gearmand-${version}.jsonl`, import.meta.url), 'utf8');
  const frames: Frame[] = [];
  let scenario = '';
  for (const json of text.trimEnd().split('\n')) {
    const line = JSON.parse(json) as Line;
    if ('scenario' in line) {
      scenario = line.scenario;
      continue;
    }
    const { seq, conn, dir, kind, hex, magic, code, type, size, fields } = line;
    const documented =
      magic === undefined || code === undefined || type === undefined || size === undefined
        ? undefined
        : { magic, code, type, size, fields: fields ?? {} };
    const id = `${version} ${scenario}#${seq}`;
    frames.push({ id, conn, dir, kind, bytes: fromHex(hex), documented });
  }
  return frames;
}

/** Every frame of every recording, in the order it was seen. See README.md beside this file. */
export const FRAMES: readonly Frame[] = [...readFrames('1.1.20'), ...readFrames('2.0')];

/** All frames of one connection and direction, in order: the bytes that one reader sees. */
export function readStreams(): { readonly name: string; readonly frames: readonly Frame[] }[] {
  const streams = new Map<string, Frame[]>();
  for (const frame of FRAMES) {
    const name = `${frame.id.split('#')[0]}, ${frame.conn}, ${frame.dir}`;
    const frames = streams.get(name) ?? [];
    frames.push(frame);
    streams.set(name, frames);
  }
  return [...streams].map(([name, frames]) => ({ name, frames }));
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
