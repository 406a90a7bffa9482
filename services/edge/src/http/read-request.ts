import { failure } from "@openclaw/protocol";
import type { ParsedBody } from "../inbound/request-body.ts";
import { refuse } from "./api-error.ts";
import type { HttpExchange } from "./http-exchange.ts";

/** Reads what a client asks for. Undefined where it was refused already, or is gone. */
export async function readRequest<Request>(
  exchange: HttpExchange,
  { maxBytes, parse }: { maxBytes: number; parse: (body: Buffer) => ParsedBody<Request> },
): Promise<Request | undefined> {
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
