import { z } from "zod";

/** One message of a conversation, in the roles every provider understands. */
export const chatMessageSchema = z.object({
  role: z.enum(["system", "user", "assistant"]),
  content: z.string(),
});
export type ChatMessage = z.infer<typeof chatMessageSchema>;

/**
 * How an answer is to be made: what every provider understands, under one name and in one range. A
 * provider's own range may be narrower; the worker brings a value to the nearest one it takes.
 */
export const runOptionsSchema = z.strictObject({
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().positive().max(1).optional(),
  /** Of the answer, its reasoning included. */
  maxTokens: z.int().min(1).max(1_000_000).optional(),
  /** The answer ends before the first of these that it would contain. */
  stop: z.array(z.string().min(1).max(256)).min(1).max(4).optional(),
});
export type RunOptions = z.infer<typeof runOptionsSchema>;

/** What providers call `maxTokens`: hardly any takes both names. */
export const limitNameSchema = z.enum(["max_tokens", "max_completion_tokens"]);
export type LimitName = z.infer<typeof limitNameSchema>;

/**
 * Why a provider stopped, reduced to what all of them can say.
 * `length` covers both the answer's limit and a full context window.
 */
export type FinishReason = "stop" | "length" | "content_filter" | "tool_calls";

/** Tokens as the provider counted them. Absent where it did not say; never estimated. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Whether a run's provider socket was open before the run asked for it. */
export type ConnectionLabel = "cold" | "warm";

/**
 * Times that a worker measured of one attempt, in milliseconds of its own monotonic clock. All but the first count
 * from the moment at which it held the run. A phase that was not reached is absent.
 */
export interface AttemptTimings {
  /** Before that: from taking the run's job to holding the run. Older workers do not say. */
  readonly pickUpMs?: number;
  readonly requestSentMs?: number;
  readonly headersMs?: number;
  readonly firstTokenMs?: number;
  readonly finishedMs: number;
  readonly connection?: ConnectionLabel;
}

/** The states of a run. `queued → active → completed | failed | cancelled`, and `queued → failed | cancelled`. */
export type RunState = "queued" | "active" | TerminalState;
export type TerminalState = "completed" | "failed" | "cancelled";
