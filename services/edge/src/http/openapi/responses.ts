/** Responses as OpenAPI describes them, shared by the operations. */
import { type Json, ref, type SchemaName } from "./components.ts";

const text = { schema: { type: "string" } };
const requestId = {
  description: "Of a request that began or read a run, the run's id.",
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
    description: "In seconds, where the status is 429 or 503 and trying again makes sense.",
    schema: { type: "string", pattern: "^[1-9][0-9]?$" },
  },
  "retry-after-ms": {
    description: "The same in milliseconds.",
    schema: { type: "string", pattern: "^[1-9][0-9]*$" },
  },
} as const;
type HeaderName = keyof typeof HEADERS;

/** Every status of a refusal, and when a client gets it. */
export const REFUSALS = {
  400: "The request, or what it asks of the provider, is wrong: `param` names the field, where there is one.",
  401: "The gateway has keys, and the request shows none.",
  403: "The web page may not use the gateway, or the request names the gateway by an unknown host.",
  404: "There is no such model, provider, run or address.",
  408: "The body did not come whole within a minute.",
  409: "The run was cancelled.",
  413: "The request is longer than this server accepts.",
  415: "The body is of another type than `application/json`.",
  426: "The address speaks WebSocket.",
  429: "The provider limits the gateway, or (without `retry-after`) its account is used up.",
  431: "The head of the request is longer than 16 KiB.",
  500: "The gateway failed.",
  502: "The provider failed, and no other provider could stand in for it.",
  503: "The gateway, or the provider, is at its limit or away for the moment.",
  504: "The provider was too slow, and no other provider could stand in for it.",
} as const;
export type RefusalStatus = keyof typeof REFUSALS;

export function json(schema: SchemaName): Json {
  return { "application/json": { schema: ref(schema) } };
}

/** The schema describes the `data` of each event. */
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

/** The gate may refuse any request for its head, or for the page that sent it. */
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
