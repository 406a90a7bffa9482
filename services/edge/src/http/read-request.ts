import { failure } from "@openclaw/protocol";
import type { ParsedBody } from "../inbound/request-body.ts";
import { refuse } from "./api-error.ts";
import type { HttpExchange } from "./http-exchange.ts";

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/i;
const LONGEST_TOLD = 64;

/** Reads what a client asks for. Undefined where it was refused already, or is gone. */
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
  if (body === "gone") return undefined;
  if (body === "too_long") {
    const message = `The body is longer than ${maxBytes} bytes, which is what this server accepts.`;
    refuse(exchange, failure("message_too_long", message));
    return undefined;
  }
  const parsed = parse(body);
  if (parsed.ok) return parsed.request;
  refuse(exchange, parsed.failure, parsed);
  return undefined;
}

/**
 * A web page can send text and forms to any address without asking; of these the body may well be JSON. Without a
 * type it is a program's, which means JSON as there is nothing else.
 */
function isJson(contentType = ""): boolean {
  const [type = ""] = contentType.split(";");
  return type.trim() === "" || JSON_TYPE.test(type.trim());
}

function mediaTypeSentence(type = ""): string {
  const [sent = ""] = type.split(";");
  return `The body must be JSON, with the header \`content-type: application/json\`, not \`${sent.slice(0, LONGEST_TOLD)}\`. With curl: -H "content-type: application/json".`;
}
