import { defineWorker } from '@gearman/worker';
import { z } from 'zod';

/** `mail_send` and `mail_count`, and `mail_help`, which says what they take. */
export function createMail() {
  const sent: string[] = [];
  return defineWorker({
    name: 'mail',
    tasks: {
      send: {
        description: 'Sends a letter.',
        input: z.object({ to: z.string().includes('@'), copies: z.number().int().positive().default(1) }),
        output: z.string(),
        handler: ({ data }) => {
          sent.push(data.to);
          return `${data.copies} to ${data.to}`;
        },
      },
      count: {
        description: 'Says how many letters were sent.',
        output: z.number(),
        handler: () => sent.length,
      },
    },
  });
}
