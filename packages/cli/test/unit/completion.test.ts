import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { completionScript } from '../../src/commands/completion-script.ts';
import { buildProgram } from '../../src/commands/program.ts';

const has = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

/** What bash offers for a word behind others. */
function offers(...words: readonly string[]): string[] {
  const script = completionScript(buildProgram(), 'bash');
  const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
  const output = execFileSync('bash', [
    '-c',
    `${script}\n${line}; _gearman; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);
  return output
    .toString()
    .split('\n')
    .filter((word) => word !== '');
}

describe.skipIf(!has('bash'))('completion for bash', () => {
  test('offers commands', () => {
    expect(offers('gearman', 'st')).toEqual(['status']);
    expect(offers('gearman', '')).toEqual(buildProgram().commands.map((command) => command.name()));
  });

  test('offers the options of the command', () => {
    expect(offers('gearman', 'status', '--w')).toEqual(['--watch']);
    expect(offers('gearman', 'check', '--queue')).toEqual(['--queue-warn', '--queue-crit']);
    expect(offers('gearman', 'check', '--he')).toEqual(['--help']);
  });
});

test.each(['zsh', 'fish'] as const)('the script for %s names every command and every option', (shell) => {
  const script = completionScript(buildProgram(), shell);
  for (const command of buildProgram().commands) {
    expect(script).toContain(command.name());
    for (const { long } of command.options) {
      const written = shell === 'fish' ? `-l ${long?.slice(2)} ` : long;
      expect(
        script.split('\n').some((line) => line.includes(command.name()) && line.includes(written ?? '')),
      ).toBe(true);
    }
  }
});
