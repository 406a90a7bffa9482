/**
 * NVIDIA's hosted NIM: a role-first chunk whose content is null, and `role: null` afterwards. Usage grows from chunk to
 * chunk: take the last, never the sum.
 */
import { randomUUID } from "node:crypto";
import {
  type Dialect,
  deltaFields,
  type Json,
  message,
  type Turn,
  tokenCounts,
  type Usage,
} from "./dialect.ts";
import { nvidiaRefusal } from "./nvidia-refusal.ts";

/** How long a request waits for a model's worker, where it does not say so itself. */
const QUEUE_S = 60;

export const nvidia: Dialect = {
  streamType: "text/event-stream",
  // Of the servers that its models run on. No `stream_options`: some refuse it.
  fields: [
    ...["model", "messages", "stream", "max_tokens", "temperature", "top_p", "stop", "seed"],
    ...["frequency_penalty", "presence_penalty", "tools", "tool_choice"],
    ...["top_k", "min_p", "repetition_penalty", "length_penalty", "ignore_eos", "min_tokens"],
    ...["stop_token_ids", "logit_bias", "chat_template_kwargs", "include_reasoning", "nvext"],
    ...["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"],
    ...["reasoning_budget", "thinking_token_budget", "max_thinking_tokens", "bad_words"],
  ],
  queueLimitMs: (headers) => Number(headers["nvcf-poll-seconds"] ?? QUEUE_S) * 1_000,
  newId: () => `chatcmpl-${randomUUID().replaceAll("-", "")}`,
  headers: (requestId) => ({
    "nvcf-reqid": requestId,
    "nvcf-status": "fulfilled",
    "access-control-expose-headers": "nvcf-reqid",
  }),
  open: (turn, usage) => [chunk(turn, choice({ role: "assistant", content: null }), usage)],
  delta: (turn, delta, usage) =>
    chunk(turn, choice({ role: null, content: null, ...deltaFields(delta) }), usage),
  close: (turn, finish, usage) => [
    chunk(turn, { ...choice({ role: null, content: "" }, finish), stop_reason: null }, usage),
  ],
  whole: (turn, answer, usage) => ({
    id: turn.id,
    object: "chat.completion",
    created: turn.created,
    model: turn.model,
    choices: [{ index: 0, message: message(answer), logprobs: null, finish_reason: answer.finish }],
    service_tier: null,
    system_fingerprint: null,
    ...(usage && {
      usage: {
        ...tokenCounts(usage),
        completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
      },
    }),
  }),
  refusal: nvidiaRefusal,
  // What a full shared worker really sends: a success that turns out not to be one.
  streamError: () => ({
    data: JSON.stringify({
      error: {
        message: "ResourceExhausted: Worker local total request limit reached (16/16)",
        type: "internal_server_error",
        code: 500,
      },
    }),
  }),
  model: (id) => ({ id, object: "model", created: 735_790_403, owned_by: id.split("/")[0] }),
};

function chunk(turn: Turn, only: Json, usage: Usage | undefined): Json {
  return {
    id: turn.id,
    object: "chat.completion.chunk",
    created: turn.created,
    model: turn.model,
    choices: [only],
    ...(usage && { usage: tokenCounts(usage) }),
  };
}

function choice(delta: Json, finish: string | null = null): Json {
  return { index: 0, delta, logprobs: null, finish_reason: finish };
}
