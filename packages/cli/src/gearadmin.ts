import { runGearadmin } from './gearadmin/run.ts';

await runGearadmin(process.argv.slice(2));
