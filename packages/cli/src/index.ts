// The commands; see `bin` in package.json. A program that wants its own server uses @gearman/server.
export { type GearmandSettings, parseGearmandArguments } from './gearmand-arguments.ts';
