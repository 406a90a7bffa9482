/** One piece of a tool call as it stands in a chunk or a message, in any spelling. */
import { isObject, type JsonObject, listOf } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";
import { notUnderstood } from "./not-understood.ts";

const ARGUMENTS = ["arguments", "args", "input", "parameters"];
/** Without arguments of a known name, these are some. To leave them out would make the call another one. */
const SOUNDS_LIKE_ARGUMENTS = /arg|param|input|json|payload/i;

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
  // The request brought a tool that cannot be called through this gateway: that is no fault of the provider.
  if (type && type !== "function" && !called) {
    throw fail("provider_rejected", "tool_calls[] is no call of a function");
  }
  const head = called ?? element;
  if (!isObject(head)) throw notUnderstood(fail, "tool_calls[].function", head);
  const { name, given } = readFunction(head, fail);
  const beside = given === "" && head !== element ? readGiven(element, fail) : given;
  return { slot: readIndex(index), id: readId(id, fail), name, given: beside };
}

/** Also as a text. Below 0 it is the same for all. */
function readIndex(index: unknown): number | undefined {
  const number = typeof index === "string" && /^\d+$/.test(index) ? Number(index) : index;
  return typeof number === "number" && number >= 0 ? number : undefined;
}

function readId(id: unknown, fail: Fail): string | undefined {
  return typeof id === "number" ? String(id) : readWord(id, "tool_calls[].id", fail);
}

function readFunction(called: JsonObject, fail: Fail) {
  const name = readWord(called.name, "function.name", fail);
  const given = readGiven(called, fail);
  if (name !== undefined && given === "" && ARGUMENTS.every((field) => !(field in called))) {
    for (const [field, value] of Object.entries(called)) {
      if (SOUNDS_LIKE_ARGUMENTS.test(field) && (value || value === 0)) {
        throw notUnderstood(fail, "function.*", value);
      }
    }
  }
  return { name, given };
}

function readGiven(called: JsonObject, fail: Fail): string {
  for (const field of ARGUMENTS) {
    const given = called[field];
    // Some give the object itself.
    if (isObject(given)) return JSON.stringify(given);
    const word = readWord(given, `function.${field}`, fail);
    if (word !== undefined) return word;
  }
  return "";
}

function readWord(value: unknown, field: string, fail: Fail): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw notUnderstood(fail, field, value);
  return value;
}
