// The commands; see `bin` in package.json. A program that wants its own server uses @gearman/server.
export { runGearman } from './commands/run.ts';
export { runGearadmin } from './gearadmin/run.ts';
export { runGearmand } from './gearmand/run.ts';
