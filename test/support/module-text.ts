/**
 * Reads imports and exports out of module text. It relies on the formatter (statements start a line, single
 * quotes) and on `exports.test.ts`, which compares what it finds with what the module really exports.
 */

export interface Import {
  readonly specifier: string;
  /** Names as the other module calls them; empty for `import 'x'` and `import('x')`. */
  readonly names: readonly string[];
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

export interface Export {
  readonly name: string;
  readonly kind: 'value' | 'type';
}

/** Drops comments that stand on lines of their own, so that examples in TSDoc are not taken for code. */
export const withoutComments = (text: string): string =>
  text.replaceAll(/^[ \t]*\/\*[\s\S]*?\*\//gm, '').replaceAll(/^[ \t]*\/\/.*$/gm, '');

/** Every module that the text names: static, side-effect, dynamic and `import('x').Type`, plus re-exports. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const clauses = [...code.matchAll(/^(?:import|export)\s([^'";]*?)\s?from\s'([^']+)'/gm)].map(
    ([, clause = '', specifier = '']) => parseClause(clause, specifier),
  );
  const others = [...code.matchAll(/^import\s'([^']+)'|\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]/gm)].map(
    ([, bare, dynamic]) => ({ specifier: bare ?? dynamic ?? '', names: [], typeOnly: false }),
  );
  return [...clauses, ...others];
}

function parseClause(clause: string, specifier: string): Import {
  const allTypes = /^type\s/.test(clause);
  const parts = namesIn(clause);
  const values = parts.filter((part) => !part.startsWith('type '));
  const outsideBraces = clause.replace(/\{[^}]*\}/, '').replace(/^type\s/, '');
  const hasOther = /[\w*]/.test(outsideBraces);
  return {
    specifier,
    names: [...parts.map(importedName), ...(hasOther ? [outsideBraces.replace(',', '').trim()] : [])],
    typeOnly: allTypes || (values.length === 0 && !hasOther && parts.length > 0),
  };
}

/**
 * The public names of an index file, sorted.
 *
 * @throws when the file holds anything but named exports
 */
export function exportsOf(text: string): Export[] {
  const found: Export[] = [];
  const rest = withoutComments(text)
    .replaceAll(
      /^export\s(type\s)?\{([^}]*)\}(?:\sfrom\s'[^']+')?;/gm,
      (_all, type: string, names: string) => {
        for (const part of namesIn(`{${names}}`)) {
          const kind = type !== undefined || part.startsWith('type ') ? 'type' : 'value';
          found.push({ name: exportedName(part), kind });
        }
        return '';
      },
    )
    .trim();
  if (rest !== '') throw new Error(`not a list of named exports: ${rest.slice(0, 200)}`);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const namesIn = (clause: string): string[] =>
  (/\{([^}]*)\}/.exec(clause)?.[1] ?? '')
    .split(',')
    .map((part) => part.trim().replaceAll(/\s+/g, ' '))
    .filter((part) => part !== '');

const importedName = (part: string): string => part.replace(/^type /, '').replace(/ as .*$/, '');
const exportedName = (part: string): string => part.replace(/^type /, '').replace(/^.* as /, '');
