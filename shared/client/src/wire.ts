/**
 * Protocol v2 as this client speaks it: the types of PROTOCOL.md.
 *
 * Written out rather than imported, so that the package depends on nothing; `wire.test.ts` holds them
 * equal to the schemas that the gateway validates with.
 */

/** Asked for as the WebSocket subprotocol. */
export const SUBPROTOCOL = "openclaw.v2";

const MAX_SESSION_BYTES = 256;
/** Control characters, and half surrogate pairs, which have no UTF-8. */
const NOT_IN_SESSIONS = /[\p{Cc}\p{Cs}]/u;

/** What a session may be called: any text of 1 to 256 bytes of UTF-8 without control characters. */
export function isSessionId(id: string): boolean {
  if (id === "" || NOT_IN_SESSIONS.test(id)) return false;
  return utf8Length(id) <= MAX_SESSION_BYTES;
}

/** A place in a run: the attempt, and the piece within it, counted from 1. */
export interface Position {
  epoch: number;
  seq: number;
}

/** One message of a conversation. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** How an answer is to be made. A value outside the provider's own range becomes its nearest value. */
export interface RunOptions {
  /** 0 to 2. */
  temperature?: number | undefined;
  /** Above 0, to 1. */
  topP?: number | undefined;
  /** Of the answer, its reasoning included. */
  maxTokens?: number | undefined;
  /** 1 to 4 texts; the answer ends before the first of them. */
  stop?: string[] | undefined;
  response_format?: ResponseFormat | undefined;
  /** The user's name or number at the provider. */
  user?: string | undefined;
  seed?: number | undefined;
  /** -2 to 2, as is the other. */
  presence_penalty?: number | undefined;
  frequency_penalty?: number | undefined;
  /** Such as `none`, `low`, `medium` and `high`. */
  reasoning_effort?: string | undefined;
  /**
   * Any other field that the provider documents, such as `top_k`, under the provider's name for it. A provider that
   * does not take a field refuses it.
   */
  [field: string]: unknown;
}

/** What the answer is to be. */
export type ResponseFormat =
  | { type: "text" }
  | { type: "json_object" }
  | { type: "json_schema"; json_schema: { name: string; [field: string]: unknown } };

/** Why the provider stopped. */
export type FinishReason = "stop" | "length" | "content_filter" | "tool_calls";

/** Tokens as the provider counted them. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
}

/**
 * Milliseconds as the gateway measured them, from the request on; of a run that was resumed, from
 * there on. `RunResult.seen` has what the user saw.
 */
export interface Timings {
  totalMs: number;
  queuedMs?: number | undefined;
  startedMs?: number | undefined;
  firstTextMs?: number | undefined;
  /** Whether the provider's socket was open before it was needed. */
  connection?: "cold" | "warm" | undefined;
}

/** Why a run was not resumed: it is gone, or this was not the moment. */
export type NotResumable =
  | "unknown_run"
  | "unknown_position"
  | "too_many_readers"
  | "already_resuming"
  | "draining"
  | "overloaded"
  | "too_many_runs"
  | "unavailable";

/** Everything that the gateway says went wrong; PROTOCOL.md has a sentence for each. */
export type WireErrorCode =
  | "invalid_json"
  | "invalid_request"
  | "message_too_long"
  | "unknown_provider"
  | "binary_frame"
  | "frame_too_long"
  | "invalid_session"
  | "unsupported_media_type"
  | "head_too_long"
  | "origin_not_allowed"
  | "invalid_api_key"
  | "unknown_run"
  | "too_many_waiting"
  | "too_many_runs"
  | "overloaded"
  | "unavailable"
  | "draining"
  | "queue_timeout"
  | "provider_auth"
  | "provider_quota"
  | "provider_rate_limited"
  | "provider_overloaded"
  | "provider_rejected"
  | "model_not_found"
  | "content_filtered"
  | "context_length_exceeded"
  | "provider_error"
  | "provider_unreachable"
  | "first_token_timeout"
  | "provider_stalled"
  | "provider_cut"
  | "provider_malformed"
  | "provider_empty"
  | "run_timeout"
  | "cancelled"
  | "interrupted"
  | "attempts_exhausted"
  | "answer_too_large"
  | "internal";

/** A frame to the gateway. */
export type UpFrame =
  | {
      type: "run";
      ref: string;
      run?: string | undefined;
      message?: string | undefined;
      messages?: ChatMessage[] | undefined;
      provider?: string | null | undefined;
      options?: RunOptions | null | undefined;
      session?: string | undefined;
    }
  | { type: "cancel"; run: string; session?: string | undefined }
  | { type: "resume"; run: string; after: Position; session?: string | undefined }
  | { type: "ping" };

/** The limits of a connection. */
export interface Limits {
  /** Of the text of all messages of one run, in UTF-8 bytes. */
  maxMessageBytes: number;
  /** Open at once on one connection. */
  maxRuns: number;
}

/** A frame from the gateway. */
export type DownFrame =
  | { type: "ready"; connection: string; session: string; limits: Limits }
  | { type: "accepted"; ref: string; run: string }
  | { type: "queued"; run: string; position: number; waitMs: number }
  | { type: "started"; run: string; epoch: number; provider: string; model: string }
  | {
      type: "delta";
      run: string;
      epoch: number;
      seq: number;
      text: string;
      refusal?: true | undefined;
    }
  | { type: "reasoning"; run: string; epoch: number; seq: number; text: string }
  | { type: "restart"; run: string; epoch: number; reason: "attempt_lost" }
  | {
      type: "resumed";
      run: string;
      outcome: "replayed" | "complete" | "not_resumable";
      reason?: NotResumable | undefined;
    }
  | { type: "done"; run: string; finish: FinishReason; usage: Usage | null; timings: Timings }
  | {
      type: "error";
      run?: string | undefined;
      ref?: string | undefined;
      code: WireErrorCode;
      message: string;
      retryable: boolean;
      retryAfterMs?: number | undefined;
    }
  | { type: "cancelled"; run: string }
  | { type: "draining"; reconnectWithinMs: number }
  | { type: "pong" };

/** A frame of one type. */
export type Down<Type extends DownFrame["type"]> = Extract<DownFrame, { type: Type }>;

/** In bytes. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
