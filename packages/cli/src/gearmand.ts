import { runGearmand } from './gearmand/run.ts';

await runGearmand(process.argv.slice(2));
