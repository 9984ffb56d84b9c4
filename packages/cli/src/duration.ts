const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads `500ms`, `2s`, `1.5m`, `1h` as milliseconds; undefined for anything else. A number without its unit is refused,
 * because half of all users would take it for the other one.
 */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (digits === undefined || unitMs === undefined) return undefined;
  const durationMs = Number(digits) * unitMs;
  return durationMs > 0 ? durationMs : undefined;
}
