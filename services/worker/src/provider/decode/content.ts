/**
 * The field `content` of a delta or a message, in every known form: a text, a part, or a list of parts. Parts may hold
 * thinking and refusals beside text.
 */
import { isObject, type JsonObject } from "../contract/json.ts";
import { type Fail, malformed } from "../contract/provider-error.ts";

/** The texts of one delta or message, by kind. */
export interface Content {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
}

export const EMPTY: Content = { text: "", reasoning: "", refusal: "" };

const TEXT_PARTS = ["text", "output_text"];
const THOUGHT_PARTS = [
  "thinking",
  "reasoning",
  "reasoning_text",
  "reasoning.text",
  "summary_text",
  "reasoning.summary",
];
/** Thinking that only the provider can read. */
const SEALED_PARTS = ["redacted_thinking", "encrypted_reasoning"];
/** Part types that a log may name. Other names may be the provider's own words. */
const FOREIGN_PARTS = ["image_url", "image", "audio", "input_audio", "video", "file", "reference"];
const THOUGHT_FIELDS = ["thinking", "reasoning", "text", "content", "summary"];
/** Lists in lists. Real ones have two levels. */
const MAX_DEPTH = 8;

/**
 * Reads the value of `content`.
 *
 * @param field its name in errors
 * @throws ProviderError for a form that is not known
 */
export function readContent(value: unknown, field: string, fail: Fail): Content {
  // Nearly every chunk.
  if (typeof value === "string") return value === "" ? EMPTY : { ...EMPTY, text: value };
  if (value === undefined || value === null) return EMPTY;
  if (Array.isArray(value)) {
    return join(value.map((part) => readPart(part, `${field}[]`, fail)));
  }
  return isObject(value) ? readPart(value, field, fail) : refuse(value, field, fail);
}

/**
 * Reads thinking: a text, or parts that hold it, possibly nested.
 *
 * @throws ProviderError for a form that is not known
 */
export function readThought(value: unknown, field: string, fail: Fail, depth = 0): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  if (depth === MAX_DEPTH) throw fail("provider_malformed", `${field} is nested without end`);
  if (Array.isArray(value)) {
    return value.map((part) => readThought(part, `${field}[]`, fail, depth + 1)).join("");
  }
  if (!isObject(value)) return refuse(value, field, fail);
  const name = THOUGHT_FIELDS.find((known) => value[known] !== undefined);
  if (name !== undefined) return readThought(value[name], `${field}.${name}`, fail, depth + 1);
  if (isSealed(value.type) || isOnlySigned(value) || Object.keys(value).length === 0) return "";
  throw unknownPart(value, field, fail);
}

export function join(pieces: readonly Content[]): Content {
  return {
    text: pieces.map(({ text }) => text).join(""),
    reasoning: pieces.map(({ reasoning }) => reasoning).join(""),
    refusal: pieces.map(({ refusal }) => refusal).join(""),
  };
}

function readPart(part: unknown, field: string, fail: Fail): Content {
  if (typeof part === "string") return { ...EMPTY, text: part };
  if (part === null) return EMPTY;
  if (!isObject(part)) return refuse(part, field, fail);
  const { type } = part;
  if (isOneOf(type, TEXT_PARTS) || (type === undefined && part.text !== undefined)) {
    const text = part.text ?? part.content ?? part.value;
    return { ...EMPTY, text: readText(text, `${field}.text`, fail) };
  }
  if (type === "refusal" || (type === undefined && part.refusal !== undefined)) {
    const text = part.refusal ?? part.text;
    return { ...EMPTY, refusal: readText(text, `${field}.refusal`, fail) };
  }
  if (isOneOf(type, THOUGHT_PARTS) || isSealed(type) || part.thinking !== undefined) {
    return { ...EMPTY, reasoning: readThought(part, field, fail) };
  }
  throw unknownPart(part, field, fail);
}

/** Reads a text. Some providers wrap it in an object. */
function readText(value: unknown, field: string, fail: Fail): string {
  const text = isObject(value) ? value.value : value;
  if (text === undefined || text === null) return "";
  return typeof text === "string" ? text : refuse(text, field, fail);
}

function isSealed(type: unknown): boolean {
  return isOneOf(type, SEALED_PARTS) || type === "reasoning.encrypted";
}

/** A signature may come in a part of its own, behind its thinking. */
function isOnlySigned({ type, signature }: JsonObject): boolean {
  return isOneOf(type, THOUGHT_PARTS) && signature !== undefined;
}

function isOneOf(type: unknown, known: readonly string[]): type is string {
  return typeof type === "string" && known.includes(type);
}

function unknownPart({ type }: JsonObject, field: string, fail: Fail) {
  const name = isOneOf(type, FOREIGN_PARTS) ? `of type ${type}` : "of no known type";
  return fail("provider_malformed", `${field} is a part ${name}`);
}

function refuse(value: unknown, field: string, fail: Fail): never {
  throw malformed(fail, field, value);
}
