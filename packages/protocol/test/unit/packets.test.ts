import {
  EXTENSIONS,
  MAX_PACKET_CODE,
  PACKET_TYPES,
  PACKETS,
  type Packet,
  type PacketDefinition,
  PacketParser,
  packetTypeOf,
} from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { frame } from '../helpers.ts';

const rows: [string, PacketDefinition][] = Object.entries(PACKETS);

describe('PACKETS', () => {
  it('has every code from 1 to 42 but 5, once and in order, and then those of extensions', () => {
    const codes = Array.from({ length: 42 }, (_, i) => i + 1).filter((code) => code !== 5);
    const protocol = rows.filter(([, { extension }]) => extension === undefined);
    expect(protocol.map(([, { code }]) => code)).toEqual(codes);
    expect(MAX_PACKET_CODE).toBe(42);
    const extensions = rows.filter(([, { extension }]) => extension !== undefined);
    expect(extensions.map(([, { code }]) => code)).toEqual(extensions.map((_, i) => 1000 + i));
    expect(new Set(extensions.map(([, { extension }]) => extension))).toEqual(new Set(EXTENSIONS));
  });

  it('takes bytes only as the last argument', () => {
    for (const [type, { args }] of rows) {
      const kinds = args.slice(0, -1).map(({ kind }) => kind);
      expect(new Set(kinds).has('bytes'), type).toBe(false);
    }
  });

  it('gives decoded packets its fields, in its order', () => {
    for (const type of PACKET_TYPES) {
      const { code, args }: PacketDefinition = PACKETS[type];
      const body = args.map((_, i) => `${i}`).join('\0');
      const [packet] = new PacketParser().push(frame(code, body));
      expect(Object.keys(packet as Packet), type).toEqual(['type', 'magic', ...args.map(({ name }) => name)]);
      for (const [i, { name, kind }] of args.entries()) {
        const value: unknown = kind === 'text' ? `${i}` : Uint8Array.of(0x30 + i);
        expect(packet, type).toHaveProperty(name, value);
      }
    }
  });
});

describe('packetTypeOf', () => {
  it('names the codes of the table and no others', () => {
    for (const type of PACKET_TYPES) expect(packetTypeOf(PACKETS[type].code)).toBe(type);
    for (const code of [0, 5, 43, 999, 0x8000_0000, 0xffff_ffff, -1, 1.5])
      expect(packetTypeOf(code)).toBeUndefined();
  });
});
