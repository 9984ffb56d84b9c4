import { createRequire } from 'node:module';
import util from 'node:util';

const require = createRequire(import.meta.url);

/** gearmanode calls `util.isArray`, which Node 23 and later no longer have. */
export function load() {
  util.isArray ??= Array.isArray;
  return require('gearmanode');
}
