import { compressed } from './codecs/compressed.ts';
import { encrypted } from './codecs/encrypted.ts';
import { envelope } from './codecs/envelope.ts';
import { json } from './codecs/json.ts';
import { msgpack } from './codecs/msgpack.ts';
import { ndjson } from './codecs/ndjson.ts';
import { raw } from './codecs/raw.ts';
import { text } from './codecs/text.ts';

/** The codecs that come with this package. Those that take a codec can be stacked: `compressed(json())`. */
export const codecs = Object.freeze({ raw, text, json, ndjson, msgpack, compressed, encrypted, envelope });
