/**
 * Reads the refusal of a provider, in any known envelope.
 *
 * A refusal comes before the answer, with a status, or inside a stream of status 200. It is an object, a list or a text,
 * possibly nested. `refusal-rules.ts` has its meaning.
 */
import { isObject, type JsonObject, listOf, parseJson } from "../contract/json.ts";

/** An error in the words of the provider. */
export interface Refusal {
  /** HTTP status; inside a stream, the status-like number of the envelope, if it has one. */
  readonly status: number | undefined;
  /** The envelope's code as a string, or empty. */
  readonly code: string;
  /** The envelope's sentences in lower case. For matching only: they may quote the prompt or the key. */
  readonly text: string;
  /** The words of the text that cannot be quoted from a request: types, statuses, words before a colon. */
  readonly names: string;
}

const MAX_TEXT = 4_096;
const MAX_DEPTH = 8;
const MAX_LIST = 32;

/** Fields that hold the error itself. Their content goes before the fields around them. */
const ENVELOPES = [
  "error",
  "Error",
  "errors",
  "ErrorMsg",
  "Response",
  "base_resp",
  "fault",
  "data",
];
const CODES = ["code", "Code", "error_code", "errorCode", "err_code", "errcode", "status_code"];
const STATUSES = ["status", "statusCode", "http_status"];
/**
 * Fields with words about the error, as text or nested. Other fields are not read: some envelopes quote the whole
 * request, and the words of the request are not the provider's.
 */
const WORDS = [
  ...[
    "message",
    "Message",
    "messages",
    "msg",
    "Msg",
    "title",
    "detail",
    "details",
    "description",
    "reason",
  ],
  ...["error_description", "error_message", "errorMessage", "error_msg", "errmsg", "status_msg"],
  ...["type", "status", "faultstring", "innererror", "metadata", "raw", "cause"],
];
/** Fields beside these that do not describe the error. */
const ASIDES = [
  ...["instance", "param", "success", "request_id", "requestId", "RequestId"],
  ...["trace_id", "traceId", "id", "path", "timestamp", "object", "choices"],
];
/** A word of a closed vocabulary, alone or before a sentence, as in `ResourceExhausted: ...`. */
const NAME = /^[a-z][\w.-]{2,63}(?=$|: )/i;
/** Fields that only an error has. */
const ERROR_WORDS = [
  ...["error", "ErrorMsg", "error_message", "errorMessage", "error_msg", "err_msg", "errmsg"],
];
/** Words about the progress of a request, which are not errors. */
const NEWS =
  /^\s*(?:ping|pong|heart-?beat|keep-?alive|processing|running|pending|queued|waiting|done)\W*$/i;
const FAILED = /^(?:.*error|fail(?:ed|ure)?|aborted)$/i;
const SUCCESS = /^\s*(?:ok|success|successful|none|null|no error|0|200)?\s*$/i;

/** Reads the body of a refusal. The text is empty for HTML, and for an empty or broken body. */
export function readRefusal(status: number, body: string): Refusal {
  const json = parseJson(body);
  return describe(json === undefined ? plainText(body) : json, status);
}

/**
 * Reads an error out of a JSON object that came with status 200.
 *
 * @returns undefined if the object is not an error
 */
export function readErrorObject(json: JsonObject): Refusal | undefined {
  return isError(json) ? readErrorText(json) : undefined;
}

/** Reads an error that came with status 200, as JSON of any form or as a text. */
export function readErrorText(error: unknown): Refusal {
  return describe(error, undefined);
}

/**
 * Returns the fields of a choice or a delta that hold an error.
 *
 * @returns undefined without an error
 */
export function errorFieldsOf(holder: JsonObject): JsonObject | undefined {
  const found = ERROR_WORDS.filter((name) => holdsError(holder[name]));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map((name) => [name, holder[name]]));
}

/** Whether a field for errors holds one. Many servers always send it, empty or as "ok". */
export function holdsError(value: unknown): boolean {
  return value === true || hasWords(value, 0);
}

function hasWords(value: unknown, depth: number): boolean {
  if (typeof value === "string") return !SUCCESS.test(value);
  if (typeof value === "number") return value !== 0 && value !== 200;
  if (typeof value !== "object" || value === null) return false;
  // Lists too. So much nesting is not empty.
  if (depth === MAX_DEPTH) return true;
  return Object.entries(value).some(
    ([name, field]) => !ASIDES.includes(name) && hasWords(field, depth + 1),
  );
}

/** Whether a JSON object of a 200 response is an error, in one of the known forms. */
function isError(json: JsonObject): boolean {
  if (json.object === "error" || String(json.success) === "false") return true;
  if (errorFieldsOf(json)) return true;
  if (isObject(json.Response) && holdsError(json.Response.Error)) return true;
  if (isObject(json.base_resp) && holdsError(json.base_resp.status_code)) return true;
  // An object with a piece of an answer is an answer, whatever its other fields.
  if (Array.isArray(json.choices) && json.choices.length > 0) return false;
  if (holdsError(json.errors) || (holdsError(json.detail) && isNothingElse(json))) return true;
  // Problem JSON, as a gateway in front of the model server writes it.
  const isBad = STATUSES.some((name) => typeof json[name] === "number" && json[name] >= 400);
  return (
    isBad || (typeof json.status === "string" && FAILED.test(json.status)) || isBareError(json)
  );
}

/** A progress message may have a `detail` too. An error has only fields of errors beside it. */
function isNothingElse(json: JsonObject): boolean {
  return Object.keys(json).every((name) => [...WORDS, ...CODES, ...ASIDES].includes(name));
}

/** An error without its envelope: a message, and only fields of errors beside it. */
function isBareError(json: JsonObject): boolean {
  const { code, type } = json;
  const message = json.message ?? json.msg;
  if (!holdsError(message)) return false;
  if (holdsError(code) || (typeof type === "string" && /error|exception/i.test(type))) return true;
  const isNews = typeof message === "string" && NEWS.test(message);
  return type === undefined && !isNews && isNothingElse(json);
}

interface Gathered {
  readonly codes: string[];
  readonly statuses: number[];
  text: string;
  names: string;
}

function describe(error: unknown, status: number | undefined): Refusal {
  const gathered: Gathered = { codes: [], statuses: [], text: "", names: "" };
  gather(error, gathered, 0);
  const { codes, statuses, text, names } = gathered;
  // A code that only repeats the status is the least precise.
  const code = codes.find((known) => !isStatus(Number(known))) ?? codes[0] ?? "";
  const stated = [...codes.map(Number), ...statuses].find(
    (number) => number >= 400 && isStatus(number),
  );
  return { status: status ?? stated, code, text: text.toLowerCase(), names: names.toLowerCase() };
}

function gather(value: unknown, into: Gathered, depth: number): void {
  if (depth > MAX_DEPTH || into.text.length >= MAX_TEXT) return;
  if (typeof value === "string") gatherText(value, into, depth);
  else if (Array.isArray(value)) {
    for (const element of value.slice(0, MAX_LIST)) gather(element, into, depth + 1);
  } else if (isObject(value)) {
    for (const name of ENVELOPES) gather(value[name], into, depth + 1);
    for (const name of CODES) gatherCode(value[name], into.codes);
    for (const name of STATUSES)
      if (typeof value[name] === "number") into.statuses.push(value[name]);
    for (const name of WORDS) gather(value[name], into, depth + 1);
  }
}

/** A gateway may quote the error of another gateway as JSON in a text. */
function gatherText(text: string, into: Gathered, depth: number): void {
  const nested = /^\s*[[{]/.test(text) ? parseJson(text) : undefined;
  if (nested !== undefined) gather(nested, into, depth + 1);
  else {
    into.text = `${into.text} ${text}`.trimStart().slice(0, MAX_TEXT);
    const [name = ""] = NAME.exec(text) ?? [];
    into.names = `${into.names} ${name}`.trim();
  }
}

function gatherCode(value: unknown, codes: string[]): void {
  for (const code of listOf(value)) {
    if ((typeof code === "string" && code !== "") || typeof code === "number")
      codes.push(String(code));
  }
}

function isStatus(number: number): boolean {
  return number >= 100 && number <= 599;
}

/** Empty for a page of a proxy, and for JSON that was cut at our limit: then the status decides. */
function plainText(body: string): string {
  return /^\s*[<{[]/.test(body) ? "" : body;
}
