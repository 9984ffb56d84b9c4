import { codecs, describeTasks, type InputOf, type OutputOf } from '@gearman/protocol/payload';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { createWorker, defineWorker } from '../../src/index.ts';
import { turn } from '../support/fake-network.ts';
import { createFakeWorker, createStartedWorker } from '../support/fake-worker.ts';

const calls: string[] = [];
const mail = defineWorker({
  name: 'mail',
  setup: () => void calls.push('setup'),
  tasks: {
    send: {
      description: 'Sends a letter.',
      input: z.object({ to: z.string(), copies: z.number().default(1) }),
      output: z.string(),
      handler: ({ data }) => {
        expectTypeOf(data).toEqualTypeOf<{ to: string; copies: number }>();
        return `${data.copies} to ${data.to}`;
      },
      options: { timeoutMs: 60_000 },
    },
    count: { handler: async () => 3 },
  },
});

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('defineWorker()', () => {
  test('has the contracts of its tasks, by the names of their functions', () => {
    const { mail_send: send } = mail.contracts;
    expect(Object.keys(mail.contracts)).toEqual(['mail_send', 'mail_count']);
    expect(send).toMatchObject({ name: 'mail_send', description: 'Sends a letter.' });
    expect(Object.isFrozen(mail.contracts)).toBe(true);
    expectTypeOf(send.name).toEqualTypeOf<'mail_send'>();
    expectTypeOf<InputOf<typeof send>>().toEqualTypeOf<{ to: string; copies?: number | undefined }>();
    expectTypeOf<OutputOf<typeof send>>().toEqualTypeOf<string>();
    expectTypeOf<OutputOf<typeof mail.contracts.mail_count>>().toEqualTypeOf<unknown>();
  });

  test('types handlers by schemas and codecs', () => {
    const { contracts } = defineWorker({
      name: 'typed',
      separator: '.',
      tasks: {
        length: {
          input: z.string().transform((text) => text.length),
          output: z.number().transform(String),
          codec: codecs.text(),
          // @ts-expect-error a number is asked for; the codec carries text
          handler: ({ data }) => data.toFixed(),
        },
        text: {
          codec: codecs.text(),
          handler: async (job) => {
            expectTypeOf(job.data).toEqualTypeOf<string>();
            await job.write('a part');
            return job.data;
          },
        },
        steps: {
          input: z.number(),
          output: z.string(),
          async *handler({ data }) {
            yield Buffer.from(data.toFixed());
            return 'end';
          },
        },
      },
    });
    expect(() =>
      // @ts-expect-error a date is no schema
      defineWorker({ name: 'w', tasks: { wrong: { input: new Date(), handler: () => 1 } } }),
    ).toThrow('Standard Schema');
    expectTypeOf<OutputOf<(typeof contracts)['typed.length']>>().toEqualTypeOf<string>();
    expectTypeOf<InputOf<(typeof contracts)['typed.text']>>().toEqualTypeOf<string>();
  });

  test('offers its tasks under its name, checks what they take and give, and describes them', async () => {
    const fake = await createStartedWorker((worker) => worker.mount(mail));
    expect(fake.worker.status().functions).toEqual(['mail_send', 'mail_count', 'mail_help']);
    const run = async (name: string, payload = ''): Promise<unknown> => {
      fake.peer.take();
      fake.peer.assign(name, payload);
      await turn();
      return JSON.parse(textOf(fake.peer.expect('WORK_COMPLETE').data));
    };
    expect(await run('mail_send', '{"to":"you"}')).toBe('1 to you');
    expect(await run('mail_count', 'null')).toBe(3);
    const help = await run('mail_help');
    const { mail_send: send, mail_count: count } = mail.contracts;
    expect(help).toEqual(JSON.parse(JSON.stringify(describeTasks({ send, count }))));
    expect(help).toMatchObject({
      send: { description: 'Sends a letter.', args: { to: { required: true }, copies: { default: 1 } } },
    });
    fake.peer.take();
    fake.peer.assign('mail_send', '{}');
    await turn();
    expect(textOf(fake.peer.expect('WORK_EXCEPTION').data)).toContain('ERR_GEARMAN_INVALID_INPUT');
    fake.peer.close();
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('has another separator or no help when asked to, and a setup that comes in time', async () => {
    const plain = defineWorker({
      name: 'm',
      separator: '.',
      help: false,
      tasks: { a: { handler: () => 1 } },
    });
    calls.length = 0;
    const { worker } = createFakeWorker();
    worker.mount(plain).mount(mail);
    expect(worker.isRegistered('m.a')).toBe(true);
    expect(worker.isRegistered('m.help')).toBe(false);
    const started = worker.start();
    await turn();
    expect(calls).toEqual(['setup']);
    expect(() => worker.mount(mail)).toThrow('before start()');
    worker.mount(plain);
    await worker.stop();
    await started;
  });

  test('refuses what cannot be offered', async () => {
    const handler = (): number => 1;
    expect(() => defineWorker({ name: '', separator: '', tasks: { '': { handler } } })).toThrow('function');
    const worker = createWorker({ servers: '127.0.0.1:1' });
    const wrong = defineWorker({ name: 'm', tasks: { a: { handler, options: { timeoutMs: -1 } } } });
    expect(() => worker.mount(wrong)).toThrow('timeoutMs');
    await worker.stop();
  });
});
