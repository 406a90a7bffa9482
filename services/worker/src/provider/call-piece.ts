/** One piece of a tool call as it stands in a chunk or a message, in any spelling. */
import { isObject, type JsonObject, listOf } from "./json.ts";
import { notUnderstood } from "./not-understood.ts";
import type { Fail } from "./provider-error.ts";

/** What is empty is absent. */
export interface CallPiece {
  /** What pieces of one call have in common, where the provider says so. */
  readonly slot: number | "function_call" | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly given: string;
}

/** Reads `tool_calls`. @throws ProviderError for what is no call of a function */
export function readCalls(raw: unknown, fail: Fail): CallPiece[] {
  if (raw === undefined || raw === null) return [];
  return listOf(raw)
    .filter((element) => element !== null)
    .map((element) => {
      if (!isObject(element)) throw notUnderstood(fail, "tool_calls[]", element);
      return readPiece(element, fail);
    });
}

/** Reads `function_call`, which came before `tool_calls` and allowed for one call. */
export function readFunctionCall(raw: unknown, fail: Fail): CallPiece[] {
  if (raw === undefined || raw === null) return [];
  if (!isObject(raw)) throw notUnderstood(fail, "function_call", raw);
  const piece = { slot: "function_call", id: undefined, ...readFunction(raw, fail) } as const;
  return piece.name === undefined && piece.given === "" ? [] : [piece];
}

function readPiece(element: JsonObject, fail: Fail): CallPiece {
  const { index, id, type, function: called } = element;
  // A call that the provider makes by itself, or one of a kind that nobody asked for.
  if (type && type !== "function") {
    throw fail("provider_malformed", "tool_calls[] is no call of a function");
  }
  const isFlat = called === undefined && element.name !== undefined;
  const head = isFlat ? element : (called ?? {});
  if (!isObject(head)) throw notUnderstood(fail, "tool_calls[].function", head);
  return { slot: readIndex(index), id: readId(id, fail), ...readFunction(head, fail) };
}

/** Also as a text. Below 0 it is the same for all. */
function readIndex(index: unknown): number | undefined {
  const number = typeof index === "string" && /^\d+$/.test(index) ? Number(index) : index;
  return typeof number === "number" && number >= 0 ? number : undefined;
}

function readId(id: unknown, fail: Fail): string | undefined {
  return typeof id === "number" ? String(id) : readWord(id, "tool_calls[].id", fail);
}

function readFunction({ name, arguments: given }: JsonObject, fail: Fail) {
  return {
    name: readWord(name, "function.name", fail),
    // Some give the object itself.
    given: isObject(given)
      ? JSON.stringify(given)
      : (readWord(given, "function.arguments", fail) ?? ""),
  };
}

function readWord(value: unknown, field: string, fail: Fail): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw notUnderstood(fail, field, value);
  return value;
}
