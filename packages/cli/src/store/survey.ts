import type { JobSource } from './job-source.ts';

/** What is in a file of jobs, found out before anything of it is imported. */
export interface Survey {
  readonly jobs: number;
  readonly settings: ReadonlyMap<string, string>;
  /** True when every job has a number, and they rise. */
  readonly hasNumbers: boolean;
  readonly largestNumber: number;
  /** How much cannot be understood, and what is wrong with the first of it. */
  readonly bad: number;
  readonly problems: readonly string[];
}

const MOST_PROBLEMS = 20;
/** A server of ours has one for each function with a limit, and a few besides. */
const MOST_SETTINGS = 1_000_000;

export async function survey(source: JobSource): Promise<Survey> {
  let jobs = 0;
  let bad = 0;
  let largestNumber = 0;
  let hasNumbers = true;
  const settings = new Map<string, string>();
  const problems: string[] = [];
  const complain = (where: string, text: string): void => {
    bad++;
    if (problems.length < MOST_PROBLEMS) problems.push(`${where}: ${text}`);
  };
  for await (const entry of source.entries()) {
    if (entry.is === 'problem') complain(entry.where, entry.text);
    else if (entry.is === 'job') {
      const { number = 0 } = entry.job;
      if (number <= largestNumber) hasNumbers = false;
      largestNumber = Math.max(largestNumber, number);
      jobs++;
    } else if (settings.size < MOST_SETTINGS) settings.set(entry.key, entry.value);
    else complain(`setting ${entry.key}`, `is one of more than ${MOST_SETTINGS}`);
  }
  return { jobs, settings, hasNumbers, largestNumber, bad, problems };
}
