/**
 * Protocol v2: JSON frames both ways, many runs on one socket, resumable on any edge.
 *
 * The wire is defined here and nowhere else; PROTOCOL.md explains it, and a test holds the hash of
 * these schemas, so that a change is never silent.
 */
import { z } from "zod";
import { ERROR_CODES, type ErrorCode, type Failure, failure } from "./error-code.ts";
import { frameProblems } from "./frame-problem.ts";
import { jsonSizeProblem } from "./json-size.ts";
import { parseJsonText } from "./json-text.ts";
import { chatMessageSchema } from "./run.ts";
import { askedOptionsSchema } from "./run-parameters.ts";
import { sessionIdSchema } from "./session-id.ts";

/** Asked for as the WebSocket subprotocol. */
export const V2_SUBPROTOCOL = "openclaw.v2";

const id = z.string().min(1).max(128);
const count = z.int().min(0);
const positionSchema = z.object({ epoch: count, seq: count });

/** Starts a run. `ref` is the client's own name for it until `accepted` gives its id. */
const runSchema = z
  .object({
    type: z.literal("run"),
    ref: id,
    /** The run's id, from a client that must be able to ask for it though `accepted` was lost. */
    run: z.uuid().optional(),
    message: z.string().optional(),
    messages: z.array(chatMessageSchema).min(1).max(1_000).optional(),
    provider: z.string().min(1).nullish(),
    options: askedOptionsSchema.nullish(),
    /** To whom the run belongs, where it is not the connection's own session. */
    session: sessionIdSchema.optional(),
  })
  .refine(({ message, messages }) => (message === undefined) !== (messages === undefined), {
    error: "needs either `message` or `messages`, not both",
  })
  .refine(({ message }) => message === undefined || message.trim() !== "", {
    error: "must not be empty",
    path: ["message"],
  });

export const v2UpSchema = z.discriminatedUnion("type", [
  runSchema,
  // Both of a run of the connection's own session, where they name no other.
  z.object({ type: z.literal("cancel"), run: id, session: sessionIdSchema.optional() }),
  z.object({
    type: z.literal("resume"),
    run: id,
    after: positionSchema,
    session: sessionIdSchema.optional(),
  }),
  z.object({ type: z.literal("ping") }),
]);
export type V2Up = z.infer<typeof v2UpSchema>;

const timingsSchema = z.object({
  /** From accepted to the end, in milliseconds, as are all. */
  totalMs: count,
  queuedMs: count.optional(),
  startedMs: count.optional(),
  firstTextMs: count.optional(),
  connection: z.enum(["cold", "warm"]).optional(),
});

const errorCode = z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]);

export const v2DownSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ready"),
    connection: id,
    session: sessionIdSchema,
    limits: z.object({ maxMessageBytes: count, maxRuns: count }),
  }),
  z.object({ type: z.literal("accepted"), ref: id, run: id }),
  /** `position` counts the runs in front; `waitMs` is a guess from recent runs. */
  z.object({ type: z.literal("queued"), run: id, position: count, waitMs: count }),
  z.object({
    type: z.literal("started"),
    run: id,
    epoch: count,
    provider: z.string(),
    model: z.string(),
  }),
  z.object({
    type: z.literal("delta"),
    run: id,
    epoch: count,
    seq: count,
    text: z.string(),
    /** The model says in this piece why it does not answer. */
    refusal: z.literal(true).optional(),
  }),
  z.object({
    type: z.literal("reasoning"),
    run: id,
    epoch: count,
    seq: count,
    text: z.string(),
  }),
  /** Throw away what this run has shown so far: another attempt begins. */
  z.object({
    type: z.literal("restart"),
    run: id,
    epoch: count,
    reason: z.enum(["attempt_lost"]),
  }),
  z.object({
    type: z.literal("resumed"),
    run: id,
    outcome: z.enum(["replayed", "complete", "not_resumable"]),
    reason: z
      .enum([
        "unknown_run",
        "unknown_position",
        "too_many_readers",
        "already_resuming",
        // Not now: the run goes on, and may be resumed later or on another connection.
        "draining",
        "overloaded",
        "too_many_runs",
        "unavailable",
      ])
      .optional(),
  }),
  z.object({
    type: z.literal("done"),
    run: id,
    finish: z.enum(["stop", "length", "content_filter", "tool_calls"]),
    usage: z.object({ inputTokens: count, outputTokens: count }).nullable(),
    timings: timingsSchema,
  }),
  z.object({
    type: z.literal("error"),
    run: id.optional(),
    ref: id.optional(),
    code: errorCode,
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: count.optional(),
  }),
  z.object({ type: z.literal("cancelled"), run: id }),
  z.object({ type: z.literal("draining"), reconnectWithinMs: count }),
  z.object({ type: z.literal("pong") }),
]);
export type V2Down = z.infer<typeof v2DownSchema>;

export interface V2Limits {
  /** Largest accepted text of all messages of one run, in UTF-8 bytes. */
  readonly maxMessageBytes: number;
  /** Most runs open at once on one connection. */
  readonly maxRuns: number;
}

export type V2Parsed =
  | { readonly ok: true; readonly up: V2Up }
  /** `ref` where the frame named one, so that the client knows which request was meant. */
  | { readonly ok: false; readonly failure: Failure; readonly ref: string | undefined };

const NOT_JSON =
  'That frame is not JSON. Send an object such as {"type": "run", "ref": "1", "message": "Hello"}.';

/** Reads one text frame from a v2 client. Never throws: a bad frame is a failure to send back. */
export function parseV2Up(frame: string, { maxMessageBytes }: V2Limits): V2Parsed {
  const json = parseJsonText(frame);
  if (json === undefined) return refuse(failure("invalid_json", NOT_JSON), undefined);
  const ref = refOf(json);
  const tooLarge = jsonSizeProblem(json);
  if (tooLarge) return refuse(failure("invalid_request", tooLarge.message), ref);
  const parsed = v2UpSchema.safeParse(json);
  if (!parsed.success) {
    return refuse(failure("invalid_request", frameProblems(parsed.error.issues)), ref);
  }
  const bytes = textBytes(parsed.data);
  if (bytes > maxMessageBytes) {
    const message = `The messages are ${bytes} bytes long; this server accepts ${maxMessageBytes}.`;
    return refuse(failure("message_too_long", message), ref);
  }
  return { ok: true, up: parsed.data };
}

/** The frame for a failure, of a run, of a request, or of neither. */
export function v2Error(
  reason: Failure,
  about: { run?: string; ref?: string | undefined } = {},
): V2Down {
  const { code, message, retryable, retryAfterMs } = reason;
  const { run, ref } = about;
  return {
    type: "error",
    ...(run !== undefined && { run }),
    ...(ref !== undefined && { ref }),
    code,
    message,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function refOf(json: unknown): string | undefined {
  if (typeof json !== "object" || json === null || !("ref" in json)) return undefined;
  // Echoed only where it is what a `ref` may be.
  return id.safeParse(json.ref).data;
}

function textBytes(up: V2Up): number {
  if (up.type !== "run") return 0;
  const texts = up.messages?.map(({ content }) => content) ?? [up.message ?? ""];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function refuse(reason: Failure, ref: string | undefined): V2Parsed {
  return { ok: false, failure: reason, ref };
}
