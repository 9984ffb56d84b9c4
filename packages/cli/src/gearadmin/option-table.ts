/** One option of `gearadmin`. Its key in the table is its long name, without the hyphens. */
export interface AdminOptionRow {
  /** One letter. */
  readonly short?: string;
  /** Its value has this default; the empty string where there is none. A flag has no such property. */
  readonly value?: string;
  readonly help: string;
}

/** What the C tool has, in the order of its help. */
export const CLASSIC_OPTIONS = {
  help: { help: 'Options related to the program.' },
  host: { short: 'h', value: 'localhost', help: 'Connect to the host' },
  port: { short: 'p', value: '4730', help: 'Port number or service to use for connection' },
  'server-version': { help: 'Fetch the version number for the server.' },
  'server-verbose': { help: 'Fetch the verbose setting for the server.' },
  'create-function': { value: '', help: 'Create the function from the server.' },
  'cancel-job': { value: '', help: "Remove a given job from the server's queue" },
  'drop-function': { value: '', help: 'Drop the function from the server.' },
  'show-unique-jobs': { help: 'Show unique IDs of jobs on the server.' },
  'show-jobs': { help: 'Show all jobs on the server.' },
  getpid: { help: 'Get Process ID for the server.' },
  status: { help: 'Status for the server.' },
  'priority-status': { help: 'Queued jobs status by priority.' },
  workers: { help: 'Workers for the server.' },
  ssl: { short: 'S', help: 'Enable SSL connections.' },
} as const satisfies Record<string, AdminOptionRow>;

/** What only we have. They must be written in full, so that no abbreviation that works elsewhere becomes ambiguous. */
export const OWN_OPTIONS = {
  json: { help: 'One JSON document for each operation and server.' },
  servers: { value: '', help: 'Several servers, with commas: host:port,unix:/path' },
  watch: { value: '', help: 'Again and again: every 500ms, 2s, 1m' },
  version: { help: 'Print the version of this command.' },
} as const satisfies Record<string, AdminOptionRow>;

export type AdminOptionName = keyof typeof CLASSIC_OPTIONS | keyof typeof OWN_OPTIONS;

const DESCRIPTION_COLUMN = 33;

/** The list of options as the C tool prints it. */
export function describeOptions(title: string, rows: Readonly<Record<string, AdminOptionRow>>): string {
  const lines = Object.entries(rows).map(([name, { short, value, help }]) => {
    const flag = short === undefined ? `--${name}` : `-${short} [ --${name} ]`;
    const argument = value === undefined ? '' : value === '' ? ' arg' : ` arg (=${value})`;
    return `  ${flag}${argument}`.padEnd(DESCRIPTION_COLUMN) + help;
  });
  return `${title}:\n${lines.join('\n')}\n`;
}
