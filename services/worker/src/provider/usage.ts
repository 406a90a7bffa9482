import type { Usage } from "@openclaw/protocol";
import { isObject, type JsonObject } from "./json.ts";
import { notUnderstood } from "./not-understood.ts";
import type { Fail } from "./provider-error.ts";

/** Of the chat completions API, and of its relatives. */
const INPUT = ["prompt_tokens", "input_tokens", "PromptTokens"];
const OUTPUT = ["completion_tokens", "output_tokens", "CompletionTokens"];
const TOTAL = ["total_tokens", "TotalTokens"];

/**
 * Reads a `usage` field. One that does not say both counts, or enough to tell them, says nothing.
 *
 * @returns undefined where it says nothing
 * @throws ProviderError where it is anything but an object of numbers
 */
export function readUsage(value: unknown, fail: Fail): Usage | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw notUnderstood(fail, "usage", value);
  const input = count(value, INPUT, fail);
  const output = count(value, OUTPUT, fail);
  const total = count(value, TOTAL, fail);
  const inputTokens = input ?? difference(total, output);
  const outputTokens = output ?? difference(total, input);
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  return { inputTokens, outputTokens };
}

function count(usage: JsonObject, names: readonly string[], fail: Fail): number | undefined {
  const name = names.find((known) => usage[known] !== undefined && usage[known] !== null);
  if (name === undefined) return undefined;
  const value = usage[name];
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== "number") throw notUnderstood(fail, `usage.${name}`, value);
  // Below 0 stands for "not counted".
  return number >= 0 ? Math.round(number) : undefined;
}

function difference(whole: number | undefined, part: number | undefined): number | undefined {
  if (whole === undefined || part === undefined || whole < part) return undefined;
  return whole - part;
}
