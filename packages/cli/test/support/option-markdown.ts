import type { OptionRow, Outcome } from '../../src/gearmand/option-row.ts';
import { flagsOf, OPTION_TABLE } from '../../src/gearmand/option-table.ts';

/** The option table as the page about migrating shows it. Options of which the same is to be said share a row. */
export function optionMarkdown(): string {
  const rows = new Map<string, string[]>();
  for (const [name, row] of OPTION_TABLE) {
    const said = `${OUTCOMES[row.outcome.is]} | ${sentence(row)}`;
    rows.set(said, [...(rows.get(said) ?? []), `\`${flagsOf(name, row)}\``]);
  }
  const lines = [...rows].map(([said, options]) => `| ${options.join(', ')} | ${said} |`);
  return ['| Option | Here | What differs from gearmand |', '|---|---|---|', ...lines, ''].join('\n');
}

const OUTCOMES: Readonly<Record<Outcome['is'], string>> = {
  works: 'works',
  ignored: 'accepted with a warning',
  refused: 'refused',
};

function sentence({ outcome, differs, isOurs, help, fallback }: OptionRow): string {
  const usual = fallback === undefined ? '' : ` (default: ${fallback})`;
  const parts = [
    ...(isOurs === true ? [`Not in gearmand: ${help}${usual}.`] : []),
    ...(outcome.is === 'ignored' ? [`No effect: ${outcome.because}.`] : []),
    ...(outcome.is === 'refused' ? [`Exit code ${outcome.exitCode}: ${outcome.because}.`] : []),
    ...(differs === undefined ? [] : [differs]),
  ];
  return parts.join(' ').replaceAll('|', '\\|');
}
