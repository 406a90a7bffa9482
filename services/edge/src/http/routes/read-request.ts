import { failure } from "@openclaw/protocol";
import type { ParsedBody } from "../../admission/request-body.ts";
import { refuse, refuseAddress } from "../exchange/api-error.ts";
import { BODY_WITHIN_MS, type BodyRefusal } from "../exchange/body-reader.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/i;
const LONGEST_QUOTED = 64;

/** Reads the request of a client. Undefined if it was refused already, or the client is gone. */
export async function readRequest<Request>(
  exchange: HttpExchange,
  { maxBytes, parse }: { maxBytes: number; parse: (body: Buffer) => ParsedBody<Request> },
): Promise<Request | undefined> {
  const type = exchange.request.header("content-type");
  if (!isJson(type)) {
    refuse(exchange, failure("unsupported_media_type", mediaTypeSentence(type)));
    return undefined;
  }
  const body = await exchange.body(maxBytes);
  if (typeof body === "string") {
    refuseBody(exchange, body, maxBytes);
    return undefined;
  }
  try {
    const parsed = parse(body.bytes);
    if (parsed.ok) return parsed.request;
    refuse(exchange, parsed.failure, parsed);
    return undefined;
  } finally {
    body.release();
  }
}

function refuseBody(exchange: HttpExchange, reason: BodyRefusal, maxBytes: number): void {
  if (reason === "too_long") {
    const message = `The body is longer than ${maxBytes} bytes, which is what this server accepts.`;
    refuse(exchange, failure("message_too_long", message));
  } else if (reason === "no_room") {
    const message =
      "This server is reading as many bytes of requests as it may. Try again shortly.";
    refuse(exchange, failure("overloaded", message));
  } else if (reason === "late") {
    const message = `The body did not come whole within ${BODY_WITHIN_MS / 1_000} s.`;
    refuseAddress(exchange, { code: "request_timeout", message }, { "x-should-retry": "true" });
  }
}

/**
 * A web page can send text and forms to any address without a preflight, and their body may be JSON. A request
 * without a type comes from a program, and can only mean JSON.
 */
function isJson(contentType = ""): boolean {
  const [type = ""] = contentType.split(";");
  return type.trim() === "" || JSON_TYPE.test(type.trim());
}

function mediaTypeSentence(type = ""): string {
  const [sent = ""] = type.split(";");
  return `The body must be JSON, with the header \`content-type: application/json\`, not \`${sent.slice(0, LONGEST_QUOTED)}\`. With curl: -H "content-type: application/json".`;
}
