/** Turns the body of a request into the request, or into the reason of its refusal. */
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
  /** A sentence that says what to send instead of a body that is not JSON. */
  readonly hint: string;
  /** Called with the JSON before the schema checks it. */
  readonly prepare?: (json: unknown) => unknown;
}

/**
 * Of all messages together: items of their contents, and calls. Each wrong part costs an object that describes the
 * problem. A body of 2 MB has room for a million of them, which would exhaust the heap, though only ten are
 * reported.
 */
const MOST_PARTS = 5_000;

/** Reads a body. Never throws: a wrong body is a failure. */
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
 * Why a conversation is too long; undefined if it is not.
 *
 * @param maxBytes of its JSON in UTF-8, all of which a job must carry
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
  // The value is only read, whatever its type.
  const value = (json as Readonly<Record<string, unknown>>)[name];
  return Array.isArray(value) ? value : [];
}
