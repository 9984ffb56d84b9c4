/** What is used of a zod schema (or one like it). */
export interface OptionsSchema<T> {
  safeParse(input: unknown):
    | { readonly success: true; readonly data: T }
    | {
        readonly success: false;
        readonly error: {
          readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
        };
      };
}

/**
 * Checks options once, at the door, and returns them with their defaults.
 *
 * @param where names the call in the message, for example `createClient()`
 * @param fail builds the error from a message that names every wrong option
 */
export function parseOptions<T>(
  schema: OptionsSchema<T>,
  input: unknown,
  where: string,
  fail: (message: string) => Error,
): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
  throw fail(`${where}: ${problems.join('; ')}`);
}
