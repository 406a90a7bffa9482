/** Reads one piece of a tool call from a chunk or a message, in any spelling. */
import { isObject, type JsonObject, listOf } from "../contract/json.ts";
import { type Fail, malformed } from "../contract/provider-error.ts";

const ARGUMENTS = ["arguments", "args", "input", "parameters"];
/** Without arguments in a known field, fields like these hold them. A call without its arguments would be another call. */
const SOUNDS_LIKE_ARGUMENTS = /arg|param|input|json|payload/i;

/** Empty fields are undefined. */
export interface CallPiece {
  /** The mark that pieces of one call share, if the provider sends one. */
  readonly slot: number | "function_call" | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly given: string;
}

/** Reads `tool_calls`. @throws ProviderError for anything but calls of functions */
export function readCalls(raw: unknown, fail: Fail): CallPiece[] {
  if (raw === undefined || raw === null) return [];
  return listOf(raw)
    .filter((element) => element !== null)
    .map((element) => {
      if (!isObject(element)) throw malformed(fail, "tool_calls[]", element);
      return readPiece(element, fail);
    });
}

/** Reads `function_call`, the older field for a single call. */
export function readFunctionCall(raw: unknown, fail: Fail): CallPiece[] {
  if (raw === undefined || raw === null) return [];
  if (!isObject(raw)) throw malformed(fail, "function_call", raw);
  const piece = { slot: "function_call", id: undefined, ...readFunction(raw, fail) } as const;
  return piece.name === undefined && piece.given === "" ? [] : [piece];
}

function readPiece(element: JsonObject, fail: Fail): CallPiece {
  const { index, id, type, function: called } = element;
  // The request had a tool that this gateway cannot pass on. That is not the provider's fault.
  if (type && type !== "function" && !called) {
    throw fail("provider_rejected", "tool_calls[] is no call of a function");
  }
  const head = called ?? element;
  if (!isObject(head)) throw malformed(fail, "tool_calls[].function", head);
  const { name, given } = readFunction(head, fail);
  const beside = given === "" && head !== element ? readGiven(element, fail) : given;
  return { slot: readIndex(index), id: readId(id, fail), name, given: beside };
}

/** Reads an index, also as a string. An index below 0 is the same for all calls. */
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
        throw malformed(fail, "function.*", value);
      }
    }
  }
  return { name, given };
}

function readGiven(called: JsonObject, fail: Fail): string {
  for (const field of ARGUMENTS) {
    const given = called[field];
    // Some providers send the object itself.
    if (isObject(given)) return JSON.stringify(given);
    const word = readWord(given, `function.${field}`, fail);
    if (word !== undefined) return word;
  }
  return "";
}

function readWord(value: unknown, field: string, fail: Fail): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw malformed(fail, field, value);
  return value;
}
