import { runGearman } from './commands/run.ts';

await runGearman(process.argv.slice(2));
