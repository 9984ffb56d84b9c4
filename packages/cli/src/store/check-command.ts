import { relative } from 'node:path';
import type { JournalCheck, JournalDamage } from '@gearman/store-journal';
import { Command } from 'commander';
import { EXIT } from '../gearmand/exit-code.ts';
import { asStoreFailure, refuseDatabase } from './open-store.ts';
import { counted, countOf, Progress } from './progress.ts';

const HELP = `
Nothing is changed, and no right to write is needed; a store that a server uses is refused. Exit
codes: 0 clean, 1 damaged, 4 cannot be read. gearmand starts with a damaged store, too: opening it
keeps copies of what is damaged and goes on with the rest.`;

/** `gearmand store check` */
export function checkCommand(): Command {
  return new Command('check')
    .description('say what a store holds, and whether all of it is whole')
    .argument('<directory>', 'the one of --data-dir')
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP)
    .action(check);
}

async function check(directory: string, { json }: { readonly json?: true }): Promise<void> {
  refuseDatabase(directory);
  const { checkJournal } = await import('@gearman/store-journal');
  const progress = new Progress('files');
  const found = await asStoreFailure(() =>
    checkJournal({ directory, onProgress: (read, files) => progress.show(read, files) }),
  );
  progress.end();
  process.stdout.write(json === true ? `${JSON.stringify(toJson(found))}\n` : describe(found));
  process.exitCode = found.isClean ? EXIT.ok : EXIT.runtime;
}

function toJson({ settings, ...found }: JournalCheck): object {
  return { ...found, settings: Object.fromEntries(settings) };
}

function describe(found: JournalCheck): string {
  const { directory, jobs, lastNumber, segments, spareFiles, payloadFiles, bytes, liveBytes, report } = found;
  const spare = spareFiles === 0 ? '' : `, ${countOf(spareFiles, 'spare file')}`;
  const payloads = payloadFiles === 0 ? '' : `, ${countOf(payloadFiles, 'payload file')}`;
  const lines = [
    `journal ${directory}`,
    `jobs      ${counted(jobs)}, with numbers up to ${counted(lastNumber)}`,
    `records   ${counted(report.records)} in ${countOf(segments, 'file')}${spare}${payloads}`,
    `bytes     ${counted(bytes)}, of which ${counted(liveBytes)} are records of jobs that are there`,
    ...[...found.settings].map(([key, value]) => `setting   ${key} = ${value}`),
    ...found.damagedCopies.map(
      (name) => `kept      ${name}: a copy from an earlier repair, which nothing reads`,
    ),
    ...report.damage.map((damage) => `${labelOf(damage, found)}${describeDamage(damage, directory)}`),
    verdictOn(found),
  ];
  return `${lines.join('\n')}\n`;
}

const labelOf = ({ kind }: JournalDamage, { wasClosed }: JournalCheck): string =>
  kind === 'cut-off' && !wasClosed ? 'note      ' : 'DAMAGE    ';

function describeDamage(
  { kind, path, atBytes, sizeBytes, missingRecords }: JournalDamage,
  directory: string,
): string {
  const where = `${relative(directory, path)} at ${counted(atBytes)}`;
  const bytes = countOf(sizeBytes, 'byte');
  const gone = `${countOf(missingRecords, 'record')} ${missingRecords === 1 ? 'is' : 'are'} gone`;
  switch (kind) {
    case 'header':
      return `${relative(directory, path)}: nothing in it can be read, as its header is gone`;
    case 'damaged':
      return `${where}: ${bytes} that are no record; ${gone}`;
    case 'gap':
      return `${where}: before this place ${gone}`;
    case 'cut-off':
      return `${where}: the last write ends after ${bytes}`;
    case 'payload':
      return `${relative(directory, path)}: is missing, and its job with it`;
    case 'altered-payload':
      return `${relative(directory, path)}: is not what was written, and its job is lost`;
  }
}

function verdictOn({ isClean, wasClosed, report }: JournalCheck): string {
  if (isClean && report.wasCutOff)
    return 'clean: a crash cut off the last write, which nobody was told to be durable';
  if (isClean) return wasClosed ? 'clean' : 'clean: the process that used it last ended without closing it';
  const { missingRecords, missingPayloads, damagedSegments } = report;
  const costs = [
    countOf(missingRecords, 'record'),
    ...(missingPayloads === 0 ? [] : [countOf(missingPayloads, 'payload')]),
    ...(report.wasCutOff && wasClosed ? ['what was written last'] : []),
  ];
  return `DAMAGED: missing are ${costs.join(', ')}; ${countOf(damagedSegments, 'file')} with damage`;
}
