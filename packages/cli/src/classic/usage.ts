import type { ClassicArguments } from './arguments.ts';

/** The menu of the C tool, which calls every way to get it an error in usage. */
export function usageText(given: ClassicArguments): string {
  return `
gearman\tError in usage(${given.problem ?? '(null)'}).

Client mode: gearman [options] [<data>]
Worker mode: gearman -w [options] [<command> [<args> ...]]

Common options to both client and worker modes.
\t-f <function> - Function name to use for jobs (can give many)
\t-h <host>     - Job server host
\t-H            - Print this help menu
\t-v            - Print diagnostic information to stdout(${given.verbose})
\t-p <port>     - Job server port
\t-t <timeout>  - Timeout in milliseconds
\t-i <pidfile>  - Create a pidfile for the process
\t-S            - Enable SSL connections

Client options:
\t-b            - Run jobs in the background(${given.background})
\t-I            - Run jobs as high priority
\t-L            - Run jobs as low priority
\t-n            - Run one job per line(${given.perLine})
\t-N            - Same as -n, but strip off the newline(${given.stripNewline})
\t-P            - Prefix all output lines with functions names
\t-s            - Send job without reading from standard input
\t-u <unique>   - Unique key to use for job

Worker options:
\t-c <count>    - Number of jobs for worker to run before exiting
\t-n            - Send data packet for each line(${given.perLine})
\t-N            - Same as -n, but strip off the newline(${given.stripNewline})
\t-w            - Run in worker mode(${given.worker})
`;
}
