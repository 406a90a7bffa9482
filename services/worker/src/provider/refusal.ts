/**
 * What a provider says when it does not answer, in any of the envelopes seen, and what it means.
 */
import type { ErrorCode } from "@openclaw/protocol";

/** An error as the provider put it: by status before the answer, or inside a stream of status 200. */
export interface Refusal {
  /** HTTP status; inside a stream the status-like number of the envelope, if it has one. */
  readonly status: number | undefined;
  /** The envelope's code as a string, or empty. */
  readonly code: string;
  /** The envelope's sentences in lower case. For matching only: they may quote the prompt or the key. */
  readonly text: string;
}

const MAX_TEXT = 4_096;

/** Reads the body of a refusal. HTML, an empty body and a broken one all say nothing. */
export function readRefusal(status: number, body: string): Refusal {
  const envelope = findEnvelope(parseJson(body));
  return envelope === undefined ? { status, code: "", text: "" } : describe(envelope, status);
}

/**
 * Reads an error out of a JSON object that came with status 200.
 *
 * @returns undefined where the object is no error
 */
export function readErrorObject(json: Readonly<Record<string, unknown>>): Refusal | undefined {
  const envelope = isError(json) ? findEnvelope(json) : undefined;
  if (envelope === undefined) return undefined;
  const code = Number(field(envelope, ["code", "status"]));
  return describe(envelope, code >= 400 && code <= 599 ? code : undefined);
}

/** OpenAI's own codes, which the compatible servers borrow. */
const COMMON_CODES: Readonly<Record<string, ErrorCode>> = {
  invalid_api_key: "provider_auth",
  insufficient_quota: "provider_quota",
  billing_hard_limit_reached: "provider_quota",
  model_not_found: "model_not_found",
  context_length_exceeded: "context_length_exceeded",
  content_filter: "content_filtered",
  content_policy_violation: "content_filtered",
  rate_limit_exceeded: "provider_rate_limited",
  server_error: "provider_error",
};

const COMMON_STATUSES: Readonly<Record<number, ErrorCode>> = {
  // Accepted for later: the request waits in a queue whose end nobody promises.
  202: "provider_overloaded",
  401: "provider_auth",
  402: "provider_quota",
  403: "provider_auth",
  404: "model_not_found",
  408: "provider_error",
  409: "provider_error",
  410: "model_not_found",
  413: "context_length_exceeded",
  429: "provider_rate_limited",
  451: "content_filtered",
  503: "provider_overloaded",
  504: "provider_overloaded",
  529: "provider_overloaded",
};

const MODEL_TEXT = /\bmodel\b.{0,120}(?:not found|not exist|not supported)/;
const CONTEXT_TEXT =
  /maximum context length|context[ _]length|context window|prompt is too long|too many tokens/;

/** What a refusal means where the provider's dialect knows nothing more precise. */
export function classifyCommon({ status, code, text }: Refusal): ErrorCode {
  const known = COMMON_CODES[code];
  if (known !== undefined) return known;
  // Servers without codes say these two only in words.
  if (status === undefined || status === 400 || status === 422) {
    if (CONTEXT_TEXT.test(text)) return "context_length_exceeded";
    if (MODEL_TEXT.test(text)) return "model_not_found";
  }
  if (status === undefined) return "provider_error";
  return COMMON_STATUSES[status] ?? classifyRange(status);
}

/** Whether a code is one of OpenAI's: closed vocabulary, safe to show. */
export function isCommonCode(code: string): boolean {
  return Object.hasOwn(COMMON_CODES, code);
}

function classifyRange(status: number): ErrorCode {
  if (status >= 500) return "provider_error";
  // Another 2xx carries no answer; a redirect means that the configured URL is wrong.
  return status < 300 ? "provider_malformed" : "provider_rejected";
}

type Envelope = Readonly<Record<string, unknown>>;

/** Whether a JSON object of a 200 response is an error, in one of the shapes seen in the wild. */
function isError(json: Envelope): boolean {
  if (json.error || json.ErrorMsg || json.object === "error" || json.success === false) return true;
  if (isObject(json.Response) && isObject(json.Response.Error)) return true;
  // Problem JSON, as a gateway in front of the model server writes it.
  return typeof json.status === "number" && json.status >= 400 && !Array.isArray(json.choices);
}

function findEnvelope(json: unknown): Envelope | undefined {
  if (!isObject(json)) return undefined;
  const { error, ErrorMsg, Response } = json;
  if (typeof error === "string") return { ...json, message: error };
  const nested = isObject(Response) ? Response.Error : undefined;
  return [error, ErrorMsg, nested].find(isObject) ?? json;
}

function describe(envelope: Envelope, status: number | undefined): Refusal {
  const words = ["message", "Message", "msg", "Msg", "title", "detail", "type"]
    .map((name) => envelope[name])
    .filter((value) => typeof value === "string");
  return {
    status,
    code: field(envelope, ["code", "Code"]),
    text: words.join(" ").slice(0, MAX_TEXT).toLowerCase(),
  };
}

function field(envelope: Envelope, names: readonly string[]): string {
  const value = names.map((name) => envelope[name]).find((found) => found != null);
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // HTML of a proxy, or a body cut at our limit: the status has to do.
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
