/**
 * Every label there is, and every value it may have: the number of series is known before the first run.
 *
 * A label has one meaning in all metrics, so that they can be joined. Input of users (sessions, runs, models,
 * provider names that are not configured) never becomes a value.
 */
import { ERROR_CODES, type ErrorCode } from "@openclaw/protocol";

/** The values are the names in the configuration of the moment. */
export const CONFIGURED = "configured";

/** Stands for any value outside a label's own set, such as a provider that was just removed. */
export const OTHER = "other";

// `Object.keys` forgets what it was given.
const CODES = Object.keys(ERROR_CODES) as readonly ErrorCode[];

export const LABELS = {
  /** A provider account, as it is named in the configuration (OTel's `gen_ai.provider.name` names its vendor). */
  provider: CONFIGURED,
  model: CONFIGURED,
  region: ["domestic", "overseas"],
  /** Whether the provider's socket was open before the run asked for it; `none` where it is not known (yet). */
  connection: ["warm", "cold", "none"],
  outcome: ["completed", "failed", "cancelled"],
  phase: [
    "accept",
    "queue_wait",
    "pick_up",
    "connect",
    "response_headers",
    "first_token",
    "thinking",
    "no_text",
    "publish",
    "edge_to_socket",
  ],
  code: CODES,
  /** The reason why a run was cancelled. */
  reason: ["client", "disconnected", "interrupted", "orphaned"],
  /** What is promised of a run; a cold connection only excuses what is far away. */
  target: ["domestic", "overseas_warm", "overseas_cold"],
  measure: ["first_text", "whole"],
  met: ["yes", "no"],
  resumed: [
    "replayed",
    "complete",
    "unknown_run",
    "unknown_position",
    "ahead",
    "too_many_readers",
    "nothing_left",
  ],
  /** What became of a worker's attempt at a run. */
  result: [
    "finished",
    "failed_over",
    "postponed",
    "passed_on",
    "fenced",
    "ended",
    "unknown",
    "gap",
    "too_large",
    "orphaned",
    "broken",
    "unavailable",
    "stopping",
  ],
  hedge: ["asked", "over_budget", "won", "lost", "failed"],
  token_type: ["input", "output"],
  content: ["text", "reasoning", "tool_call"],
  state: ["available", "open", "resting", "refused"],
  /** Of an account to a question of our own; unknown: it failed in another way, or could not be asked. */
  answer: ["accepted", "refused", "unknown"],
  /**
   * What an account may be asked for at once: as configured, and what is left of it after it complained. And for how
   * many runs its workers have places.
   */
  limit: ["configured", "in_force", "places"],
  /** Of a socket to a provider. */
  use: ["spare", "idle", "busy", "connecting"],
  kind: ["edge", "worker"],
  protocol: ["v1", "v2", "http"],
  command: ["ping", "append"],
} as const satisfies Record<string, typeof CONFIGURED | readonly string[]>;

export type LabelName = keyof typeof LABELS;

/** What code may pass for a label. */
export type LabelValue<Name extends LabelName> =
  | ((typeof LABELS)[Name] extends readonly (infer Value extends string)[] ? Value : string)
  | typeof OTHER;
