/** From the body of a request to what it says, or to why it is refused. */
import {
  type ConversationMessage,
  type Failure,
  failure,
  jsonSizeProblem,
  parseJsonText,
  requestProblem,
} from "@openclaw/protocol";
import type { z } from "zod";

export type ParsedBody<Request> =
  | { readonly ok: true; readonly request: Request }
  | {
      readonly ok: false;
      readonly failure: Failure;
      /** The field that is wrong; null for the body itself. */
      readonly param: string | null;
    };

export interface BodyShape<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** What to send instead of something that is not JSON, as a sentence. */
  readonly hint: string;
  /** Called with what was sent before it is checked. */
  readonly prepare?: (json: unknown) => unknown;
}

/**
 * Of all messages together: items of their contents, and calls. Each that is wrong costs a problem of its own, and a body
 * of 2 MB has room for a million of them: enough to exhaust the heap, though ten are told.
 */
const MOST_PARTS = 5_000;

/** Reads a body. Never throws: what is wrong is a failure to be told. */
export function parseBody<Schema extends z.ZodType>(
  body: Buffer,
  { schema, hint, prepare = (json) => json }: BodyShape<Schema>,
): ParsedBody<z.infer<Schema>> {
  const json = parseJsonText(textOf(body));
  if (json === undefined) {
    return {
      ok: false,
      failure: failure("invalid_json", `The body is not JSON. ${hint}`),
      param: null,
    };
  }
  if (partsOf(json) > MOST_PARTS) {
    const message = `\`messages\` must have at most ${MOST_PARTS} parts and calls in them, all together.`;
    return { ok: false, failure: failure("invalid_request", message), param: "messages" };
  }
  const tooLarge = jsonSizeProblem(json);
  if (tooLarge) {
    const { message, param } = tooLarge;
    return { ok: false, failure: failure("invalid_request", message), param };
  }
  const parsed = schema.safeParse(prepare(json));
  if (parsed.success) return { ok: true, request: parsed.data };
  const { message, param } = requestProblem(parsed.error.issues);
  return { ok: false, failure: failure("invalid_request", message), param };
}

/**
 * Why a conversation is too long; undefined where it is not.
 *
 * @param maxBytes of its JSON in UTF-8: all that a job has to carry
 */
export function lengthProblem(
  messages: readonly ConversationMessage[],
  maxBytes: number,
): Failure | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(messages));
  if (bytes <= maxBytes) return undefined;
  const message = `The messages are ${bytes} bytes long; this server accepts ${maxBytes}.`;
  return failure("message_too_long", message);
}

/** JSON is UTF-8. A file that PowerShell wrote is UTF-16, and its byte order mark says so. */
function textOf(body: Buffer): string {
  if (body[0] === 0xff && body[1] === 0xfe) return new TextDecoder("utf-16le").decode(body);
  if (body[0] === 0xfe && body[1] === 0xff) return new TextDecoder("utf-16be").decode(body);
  return body.toString();
}

function partsOf(json: unknown): number {
  return listIn(json, "messages").reduce<number>(
    (sum, message) =>
      sum + listIn(message, "content").length + listIn(message, "tool_calls").length,
    0,
  );
}

function listIn(json: unknown, name: string): readonly unknown[] {
  if (typeof json !== "object" || json === null) return [];
  // Whatever it is, it is only looked at.
  const value = (json as Readonly<Record<string, unknown>>)[name];
  return Array.isArray(value) ? value : [];
}
