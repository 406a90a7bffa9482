/** Reads JSON of a provider. No error here quotes it. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses `text`. Returns undefined instead of throwing, since the engine's error message quotes the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The error quotes the text. `undefined` is unambiguous: no JSON parses to it.
    return undefined;
  }
}

/** Parses `text` as a JSON object. Returns undefined for anything else. */
export function parseObject(text: string): JsonObject | undefined {
  const json = parseJson(text);
  return isObject(json) ? json : undefined;
}

/** `value` if it is a list, otherwise a list of one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** The type of a JSON value, in one word that is safe to show. */
export function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}
