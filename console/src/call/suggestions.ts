/** Order of the suggestions for the caller. */

/** Return the suggestions with those that were said at the end. */
export function sayNext(suggestions: readonly string[], said: ReadonlySet<string>): readonly string[] {
  return [...suggestions.filter((one) => !said.has(one)), ...suggestions.filter((one) => said.has(one))];
}
