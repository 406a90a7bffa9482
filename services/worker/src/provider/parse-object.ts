import { isObject } from "./refusal.ts";

/** Gives the JSON object that `text` is, or undefined where it is anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : undefined;
  } catch {
    // The engine's message quotes the text, so it is not even kept as a cause.
    return undefined;
  }
}
