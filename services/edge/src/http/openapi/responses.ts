/** Responses as OpenAPI describes them, shared by the operations. */
import { type Json, ref, type SchemaName } from "./components.ts";

const text = { schema: { type: "string" } };
const requestId = {
  description: "If the request began or read a run, the run's id.",
  ...text,
};
const HEADERS = {
  location: { description: "Where the run can be read.", ...text },
  "x-request-id": requestId,
  "x-should-retry": {
    description: "Whether the same request may succeed if it is sent again.",
    schema: { type: "string", enum: ["true", "false"] },
  },
  "retry-after": {
    description: "In seconds. Present if the status is 429 or 503 and a retry may succeed.",
    schema: { type: "string", pattern: "^[1-9][0-9]?$" },
  },
  "retry-after-ms": {
    description: "The same in milliseconds.",
    schema: { type: "string", pattern: "^[1-9][0-9]*$" },
  },
} as const;
type HeaderName = keyof typeof HEADERS;

/** Every status of a refusal, and when it comes. */
export const REFUSALS = {
  400: "The request is wrong, or the provider refuses it. `param` names the field if there is one.",
  401: "The gateway has keys, and the request has no valid key.",
  403: "The web page may not use the gateway, or the gateway does not know the name in `Host`.",
  404: "The model, provider, run or address does not exist.",
  408: "The body did not arrive whole within 60 s.",
  409: "The run was cancelled.",
  413: "The request is longer than this server accepts.",
  415: "The body has another type than `application/json`.",
  426: "The address speaks WebSocket only.",
  429: "The provider limits the gateway. Without `retry-after`, the account has no quota left.",
  431: "The head of the request is longer than 16 KiB.",
  500: "The gateway failed.",
  502: "The provider failed, and no other provider could answer.",
  503: "The gateway or the provider is at its limit, or cannot be reached now.",
  504: "The provider was too slow, and no other provider could answer.",
} as const;
export type RefusalStatus = keyof typeof REFUSALS;

export function json(schema: SchemaName): Json {
  return { "application/json": { schema: ref(schema) } };
}

/** The schema is that of each event's `data`. */
export function eventStream(schema: SchemaName): Json {
  return { "text/event-stream": { schema: ref(schema) } };
}

export function response(
  description: string,
  content?: Json,
  headers: readonly HeaderName[] = ["x-request-id"],
): Json {
  return {
    description,
    headers: headersOf(headers),
    ...(content && { content }),
  };
}

/** Whatever is asked, the head and the page that asks are looked at first. */
const ANYWHERE: readonly RefusalStatus[] = [403, 431];

export function refusals(...statuses: readonly RefusalStatus[]): Json {
  return Object.fromEntries(
    [...statuses, ...ANYWHERE].map((status) => [
      status,
      response(REFUSALS[status], json("Error"), headersOfRefusal(status)),
    ]),
  );
}

function headersOfRefusal(status: RefusalStatus): HeaderName[] {
  const waits = status === 429 || status === 503;
  const wait: HeaderName[] = waits ? ["retry-after", "retry-after-ms"] : [];
  return ["x-request-id", "x-should-retry", ...wait];
}

function headersOf(names: readonly HeaderName[]): Json {
  return Object.fromEntries(names.map((name) => [name, HEADERS[name]]));
}
