/**
 * Protocol v1: JSON up, bare text frames and JSON signals down.
 *
 * Existing clients depend on every shape in this file. Nothing here may change its meaning;
 * new things go to v2.
 */
import { z } from "zod";
import { type Failure, failure } from "./error-code.ts";
import { frameProblems } from "./frame-problem.ts";
import { parseJsonText } from "./json-text.ts";

const text = z.string({
  error: ({ input }) => (input === undefined ? "is missing" : "must be a string"),
});
const v1MessageSchema = z.object({
  message: text.refine((value) => value.trim() !== "", "must not be empty"),
  // Some clients serialise "no preference" as null.
  provider: text.min(1, "must not be empty").nullish(),
});

/** What a v1 client may say. */
export type V1Up =
  | { readonly type: "message"; readonly message: string; readonly provider: string | undefined }
  | { readonly type: "cancel" }
  | { readonly type: "ping" };

export interface V1Limits {
  /** Largest accepted `message`, in UTF-8 bytes. */
  readonly maxMessageBytes: number;
}

export type V1Parsed =
  | { readonly ok: true; readonly up: V1Up }
  | { readonly ok: false; readonly failure: Failure };

/** Reads one text frame from a v1 client. Never throws: a bad frame is a failure to send back. */
export function parseV1Up(frame: string, limits: V1Limits): V1Parsed {
  const json = parseJsonText(frame);
  if (json === undefined) return refuse(failure("invalid_json"));
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return refuse(
      failure("invalid_request", 'Send a JSON object such as {"message": "Hello"}, nothing else.'),
    );
  }
  // `type` is optional for messages, and clients put words of their own there: only ours count.
  const type = "type" in json ? json.type : undefined;
  if (type === "cancel" || type === "ping") return { ok: true, up: { type } };
  return parseMessage(json, limits);
}

function parseMessage(json: object, limits: V1Limits): V1Parsed {
  const parsed = v1MessageSchema.safeParse(json);
  if (!parsed.success) {
    return refuse(failure("invalid_request", frameProblems(parsed.error.issues)));
  }
  const { message, provider } = parsed.data;
  const bytes = Buffer.byteLength(message);
  if (bytes > limits.maxMessageBytes) {
    return refuse(
      failure(
        "message_too_long",
        `\`message\` is ${bytes} bytes long; this server accepts ${limits.maxMessageBytes}.`,
      ),
    );
  }
  return { ok: true, up: { type: "message", message, provider: provider ?? undefined } };
}

function refuse(reason: Failure): V1Parsed {
  return { ok: false, failure: reason };
}

/** The signals a v1 client receives besides bare text, as the exact frames. */
export const V1_DONE = '{"type":"done"}';
export const V1_PONG = '{"type":"pong"}';

/**
 * The `error` frame of v1. It ends a run just as `done` does. A cancelled run ends with code `cancelled`: v1 clients
 * know no third terminator, and would wait for ever.
 */
export function v1ErrorFrame({ message, code, retryable }: Failure): string {
  return JSON.stringify({ type: "error", message, code, retryable });
}
