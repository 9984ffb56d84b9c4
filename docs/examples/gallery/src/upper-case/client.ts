// A filter for a shell: everything from stdin becomes the payload of a job, its result goes to stdout.
import { createClient } from '@gearman/client';

const client = createClient();
process.stdin.pipe(client.submitStream('toUpper')).pipe(process.stdout);
