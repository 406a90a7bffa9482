/** The reference shape, as the OpenAI specification has it. */
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
import { openaiRefusal } from "./openai-refusal.ts";

export const openai: Dialect = {
  // As self-hosted servers do; the specification does not have it.
  continues: true,
  streamType: "text/event-stream; charset=utf-8",
  fields: [
    ...["model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"],
    ...["temperature", "top_p", "stop", "seed", "n", "user", "frequency_penalty"],
    ...[
      "presence_penalty",
      "tools",
      "tool_choice",
      "parallel_tool_calls",
      "response_format",
      "reasoning_effort",
    ],
    "verbosity",
    // vLLM's, and those of services that run it.
    ...["continue_final_message", "add_generation_prompt", "cache_salt", "thinking"],
    ...["enable_thinking", "thinking_budget", "reasoning", "separate_reasoning", "seed"],
    ...["use_beam_search", "typical_p", "top_a", "top_n_sigma", "tfs_z", "temperature_last"],
    ...["repeat_penalty", "repeat_last_n", "mirostat", "mirostat_tau", "mirostat_eta"],
    ...["dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n"],
    ...["xtc_probability", "xtc_threshold", "dynatemp_range", "dynatemp_exponent"],
    ...["top_k", "min_p", "repetition_penalty", "length_penalty", "ignore_eos", "min_tokens"],
    ...["stop_token_ids", "logit_bias", "chat_template_kwargs", "include_reasoning", "nvext"],
    ...["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"],
    ...["reasoning_budget", "thinking_token_budget", "max_thinking_tokens", "bad_words"],
  ],
  // Ids are to be unique, not repeatable: only texts and times come from the request's seed.
  newId: () => `chatcmpl-${randomUUID().replaceAll("-", "")}`,
  headers: (requestId) => ({ "x-request-id": requestId }),
  open: (turn) => [chunk(turn, [choice({ role: "assistant", content: "", refusal: null })])],
  delta: (turn, delta) => chunk(turn, [choice(deltaFields(delta))]),
  close: (turn, finish, usage) => [
    chunk(turn, [choice({}, finish)]),
    ...(turn.usageAsked && usage ? [{ ...chunk(turn, []), usage: usageOf(usage) }] : []),
  ],
  whole: (turn, answer, usage) => ({
    id: turn.id,
    object: "chat.completion",
    created: turn.created,
    model: turn.model,
    choices: [{ index: 0, message: message(answer), logprobs: null, finish_reason: answer.finish }],
    ...(usage && { usage: usageOf(usage) }),
    system_fingerprint: null,
  }),
  refusal: openaiRefusal,
  streamError: () => ({
    data: JSON.stringify({
      error: {
        message: "The server had an error while processing your request.",
        type: "server_error",
        param: null,
        code: null,
      },
    }),
  }),
  model: (id) => ({ id, object: "model", created: 1_700_000_000, owned_by: "simulator" }),
};

function chunk(turn: Turn, choices: readonly Json[]): Json {
  return {
    id: turn.id,
    object: "chat.completion.chunk",
    created: turn.created,
    model: turn.model,
    system_fingerprint: null,
    choices,
    // With include_usage every chunk has the key, and only the last one a value.
    ...(turn.usageAsked && { usage: null }),
  };
}

function choice(delta: Json, finish: string | null = null): Json {
  return { index: 0, delta, logprobs: null, finish_reason: finish };
}

function usageOf(usage: Usage): Json {
  return {
    ...tokenCounts(usage),
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}
