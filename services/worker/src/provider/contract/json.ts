/** JSON of a provider: what it is, without ever quoting it. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Gives what `text` is, or undefined where it is no JSON: the engine's message quotes the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not even kept as a cause, see above. JSON itself cannot produce `undefined`.
    return undefined;
  }
}

/** Gives the JSON object that `text` is, or undefined where it is anything else. */
export function parseObject(text: string): JsonObject | undefined {
  const json = parseJson(text);
  return isObject(json) ? json : undefined;
}

/** As `value` itself where it is a list, and as a list of one otherwise. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** The type of a JSON value in one word that may be shown. */
export function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}
