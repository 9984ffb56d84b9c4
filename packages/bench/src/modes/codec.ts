import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CodecTimes, PACKETS } from '../codec/names.ts';
import type { Cell, Mode } from '../run/cell.ts';

const run = promisify(execFile);
/** What a busy server does all day. */
const QUICK = 'SUBMIT_JOB_BG$';

/** Reading and writing packets, without any socket. */
export const codec: Mode = {
  name: 'codec',
  title: 'The codec alone',
  maxRounds: 1,
  async cells({ quick }) {
    const script = fileURLToPath(new URL('../codec/times.js', import.meta.url));
    const filter = quick ? ['--filter', QUICK] : [];
    const { stdout } = await run(process.execPath, [script, '--json', ...filter], { maxBuffer: 1 << 28 });
    const { benchmarks } = JSON.parse(stdout) as CodecTimes;
    return benchmarks.flatMap(({ alias, runs }) => {
      const ns = runs[0]?.stats?.p50;
      return ns === undefined ? [] : [cell(alias, ns)];
    });
  },
};

function cell(alias: string, ns: number): Cell {
  const isGroup = alias.includes(` ${PACKETS} `);
  return {
    name: alias.replace(` ${PACKETS} `, ' '),
    unit: isGroup ? 'ns per packet' : 'ns',
    better: 'lower',
    contenders: [
      { name: '@gearman/protocol', measure: async () => ({ value: isGroup ? ns / PACKETS : ns }) },
    ],
  };
}
