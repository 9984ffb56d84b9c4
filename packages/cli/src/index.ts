// The commands; see `bin` in package.json. A program that wants its own server uses @gearman/server.
export { runGearmand } from './gearmand/run.ts';
