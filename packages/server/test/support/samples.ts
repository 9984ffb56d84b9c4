import { readFileSync } from 'node:fs';

/** One thing that happened while a sample was recorded. */
export type Step =
  | { readonly seq: number; readonly conn: string; readonly kind: 'send' | 'receive'; readonly bytes: string }
  | { readonly seq: number; readonly conn: string; readonly kind: 'nothing-received'; readonly ms: number }
  | {
      readonly seq: number;
      readonly conn: string;
      readonly kind: 'closed-by-peer' | 'closed-by-server' | 'server-restarted';
    };

export interface Sample {
  /** `1.1.20 echo` */
  readonly name: string;
  readonly isDefect: boolean;
  readonly args: readonly string[];
  readonly steps: readonly Step[];
}

interface Line {
  readonly scenario?: string;
  readonly title: string;
  readonly args: readonly string[];
  readonly seq: number;
  readonly conn: string;
  readonly dir: 'to-server' | 'from-server';
  readonly hex: string;
}

const VECTORS = new URL('../../../protocol/test/vectors/', import.meta.url);
const EVENTS = new URL('../fixtures/sample-events.json', import.meta.url);

/** Everything recorded from gearmand, step by step. The vectors hold the frames, the fixture what happened between. */
export function readSamples(): Sample[] {
  const events = JSON.parse(readFileSync(EVENTS, 'utf8')) as Record<string, Step[]>;
  return ['1.1.20', '2.0'].flatMap((version) => {
    const lines = readFileSync(new URL(`gearmand-${version}.jsonl`, VECTORS), 'utf8')
      .trimEnd()
      .split('\n');
    const samples: { name: string; isDefect: boolean; args: readonly string[]; steps: Step[] }[] = [];
    for (const text of lines) {
      const line = JSON.parse(text) as Line;
      if (line.scenario === undefined) samples.at(-1)?.steps.push(toStep(line));
      else {
        const name = `${version} ${line.scenario}`;
        samples.push({
          name,
          isDefect: line.title.includes('DEFECT'),
          args: line.args,
          steps: events[name] ?? [],
        });
      }
    }
    for (const { steps } of samples) steps.sort((a, b) => a.seq - b.seq);
    return samples;
  });
}

function toStep({ seq, conn, dir, hex }: Line): Step {
  const bytes = Buffer.from(hex, 'hex').toString('latin1');
  return { seq, conn, kind: dir === 'to-server' ? 'send' : 'receive', bytes };
}
