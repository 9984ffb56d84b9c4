import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/lib/workspaces.mjs';
import { importsOf } from './module-text.ts';

const MARKERS = ['no-run', 'keeps-running'] as const;
type Marker = (typeof MARKERS)[number];

/** A fenced `ts` block of a Markdown page. */
export interface DocBlock {
  /** Path of the page, relative to the root. */
  readonly page: string;
  /** Line of the first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** `no-run`: only type-checked. `keeps-running`: stays up until the page ends. Otherwise it runs and ends. */
  readonly marker: Marker | undefined;
  /** What its `// prints:` comments promise, line by line. */
  readonly prints: readonly string[];
}

interface Fence {
  readonly language: string;
  readonly info: string;
  readonly line: number;
  readonly lines: readonly string[];
}

/** The `ts` blocks of a page, from top to bottom. */
export function readBlocks(page: string): DocBlock[] {
  return fencesOf(readFileSync(join(ROOT, page), 'utf8'))
    .filter(({ language }) => language === 'ts')
    .map(({ info, line, lines }) => ({
      page,
      line,
      code: lines.join('\n'),
      marker: toMarker(info, `${page}:${line - 1}`),
      prints: lines.flatMap((text) => /\/\/ prints: ?(.*)$/.exec(text)?.[1] ?? []),
    }));
}

/** Names of other fence languages that hold JavaScript or TypeScript and so would escape the test. */
export function disguisedBlocks(page: string): string[] {
  return fencesOf(readFileSync(join(ROOT, page), 'utf8'))
    .filter(({ language }) => /^(typescript|tsx|[mc]ts|javascript|jsx|[mc]?js)$/.test(language))
    .map(({ language, line }) => `${page}:${line - 1} uses a ${language} block`);
}

/** True when the block talks to a job server that it does not start by itself. */
export function needsServer({ code }: DocBlock): boolean {
  return !startsServer({ code }) && importsOf(code).some(({ specifier }) => CONNECTING.test(specifier));
}

/** True when the block starts a job server of its own. */
export const startsServer = ({ code }: Pick<DocBlock, 'code'>): boolean =>
  code.includes('createServer(') && importsOf(code).some(({ specifier }) => specifier === '@gearman/server');

const CONNECTING = /^@gearman\/(pool|client|worker|admin|cli|testing)\b/;

function toMarker(info: string, place: string): Marker | undefined {
  if (info === '') return undefined;
  const marker = MARKERS.find((known) => known === info);
  if (marker === undefined)
    throw new Error(`${place}: unknown marker "${info}", known: ${MARKERS.join(', ')}`);
  return marker;
}

/** Fenced blocks, those inside another fence left out. */
function fencesOf(markdown: string): Fence[] {
  const fences: Fence[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i += 1) {
    const [, fence, language = '', info = ''] =
      /^\s*(`{3,}|~{3,})(\w*)\s*(.*?)\s*$/.exec(lines[i] ?? '') ?? [];
    if (fence === undefined) continue;
    const end = lines.findIndex((line, at) => at > i && line.trim() === fence);
    if (end === -1) throw new Error(`line ${i + 1}: the block is never closed`);
    fences.push({ language, info, line: i + 2, lines: lines.slice(i + 1, end) });
    i = end;
  }
  return fences;
}
