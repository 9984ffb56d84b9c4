import { readLibraries } from '../scripts/lib/workspaces.mjs';

export default {
  name: 'Gearman for Node.js',
  readme: '../README.md',
  tsconfig: 'tsconfig.json',
  entryPoints: readLibraries().flatMap(({ entries }) => entries.map(({ source }) => `../${source}`)),
  out: 'api',
  excludeInternal: true,
  excludePrivate: true,
};
