const PAST_ASCII = /[^\0-\x7e]/g;

/** The text argument `options` of a packet of an extension: JSON in ASCII, so that it is a byte string. */
export function encodeOptions(options: object): string {
  return JSON.stringify(options).replaceAll(
    PAST_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What {@link encodeOptions} wrote; undefined for what is no JSON object. An empty text is an empty object. */
export function decodeOptions(text: string): object | undefined {
  if (text === '') return {};
  try {
    const options: unknown = JSON.parse(text);
    return typeof options === 'object' && options !== null ? options : undefined;
  } catch {
    return undefined;
  }
}
