/** Answers of gearmand 1.1.20 (Debian 12), recorded from its socket byte for byte. */
export const ANSWERS = {
  'status, nothing known': '.\n',
  status: 'idle\t1\t0\t0\nf\t3\t1\t1\n.\n',
  'status, a cancelled job': 'f\t1\t0\t0\n.\n',
  prioritystatus: 'f\t1\t2\t1\t0\n.\n',
  'prioritystatus, one job runs': 'f\t0\t2\t1\t1\n.\n',
  'workers, nobody else': '36 127.0.0.1 - :\n.\n',
  workers: '36 127.0.0.1 - :\n37 127.0.0.1 w1 : third second first\n38 127.0.0.1 - :\n.\n',
  'show jobs': 'H:jobhost:1\t0\t0\t0\nH:jobhost:3\t0\t0\t1\nH:jobhost:2\t0\t0\t1\n.\n',
  'show jobs, one abandoned': 'H:jobhost:1\t0\t1\t0\n.\n',
  'show unique jobs': '\nbg-key\nfg-key\n.\n',
  version: 'OK 1.1.20+ds\n',
  verbose: 'OK ERROR\n',
  getpid: 'OK 32159\n',
  'create function': 'OK\r\n',
  'create function, incomplete':
    'ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+create\r\n',
  'drop function, unknown': 'ERR function not found\r\n',
  'drop function, in use': 'ERR there are still connected workers or executing clients\r\n',
  'cancel job, unknown': 'ERR UNKNOWN_JOB\r\n',
  'cancel job, other words': 'ERR UNKNOWN_ERROR\r\n',
  'show other': 'ERR UNKNOWN_SHOW_ARGUMENTS\r\n',
  shutdown: 'ERR UNKNOWN_COMMAND Unknown+server+commandshutdown\r\n',
} as const;

/** The lines of an answer as a connection hands them over. */
export function linesOf(answer: string): string[] {
  return answer
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/\r$/, ''));
}
