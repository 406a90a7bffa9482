/**
 * Zhipu / BigModel: every chunk has the role, and none has the role alone. Chunks have no `object`. Only the last
 * chunk has `finish_reason`, together with the usage.
 */
import { randomUUID } from "node:crypto";
import {
  type Delta,
  type Dialect,
  deltaFields,
  type Json,
  message,
  type Turn,
  tokenCounts,
  type Usage,
} from "./dialect.ts";
import { rowOf, zhipuRefusal } from "./zhipu-refusal.ts";

const BEIJING_MS = 8 * 3_600_000;

export const zhipu: Dialect = {
  streamType: "text/event-stream;charset=UTF-8",
  fields: [
    ...["model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p"],
    ...["stop", "do_sample", "request_id", "user_id", "tools", "tool_choice", "tool_stream"],
    ...["response_format", "thinking", "reasoning_effort", "sensitive_word_check"],
  ],
  // A signed key depends on the clock of its signer.
  keyProblem: (key) =>
    (expiryOf(key) ?? Number.POSITIVE_INFINITY) < Date.now() ? "1003" : undefined,
  newId: (now) => beijingTime(now) + randomUUID().replaceAll("-", "").slice(0, 16),
  headers: () => ({}),
  open: () => [],
  delta: (turn, delta) => chunk(turn, { delta: deltaOf(delta, turn.thinks) }),
  close: (turn, finish, usage) => [
    {
      ...chunk(turn, { finish_reason: finish, delta: { role: "assistant", content: "" } }),
      ...(usage && { usage: usageOf(usage) }),
    },
  ],
  whole: (turn, answer, usage) => ({
    choices: [{ finish_reason: answer.finish, index: 0, message: message(answer) }],
    created: turn.created,
    id: turn.id,
    model: turn.model,
    request_id: turn.id,
    ...(usage && { usage: usageOf(usage) }),
  }),
  refusal: zhipuRefusal,
  streamError: ({ id }, code = "1302") => ({
    event: "error",
    data: JSON.stringify({ error: rowOf(code), request_id: id }),
  }),
  model: (id) => ({ id, object: "model", created: 1_700_000_000, owned_by: "z-ai" }),
};

function chunk(turn: Turn, choice: Json): Json {
  const { id, created, model } = turn;
  return { id, created, model, choices: [{ index: 0, ...choice }] };
}

function deltaOf(delta: Delta, thinks: boolean): Json {
  // A thinking model keeps sending the empty field; it must not look like a new thought.
  const keptEmpty = thinks && delta.kind === "text";
  return {
    role: "assistant",
    ...deltaFields(delta),
    ...(keptEmpty && { reasoning_content: "" }),
  };
}

function usageOf(usage: Usage): Json {
  const { reasoningTokens } = usage;
  return {
    ...tokenCounts(usage),
    prompt_tokens_details: { cached_tokens: 0 },
    ...(reasoningTokens > 0 && {
      completion_tokens_details: { reasoning_tokens: reasoningTokens },
    }),
  };
}

/** Ids begin with 14 digits: year to second, Beijing time. */
function beijingTime(now: Date): string {
  const iso = new Date(now.getTime() + BEIJING_MS).toISOString();
  return iso.slice(0, 19).replaceAll(/[-T:]/g, "");
}

/** When a JSON Web Token expires, in ms since 1970 as Zhipu counts; undefined for any other `key`. */
function expiryOf(key: string): number | undefined {
  const [, claims, signature] = key.split(".");
  if (claims === undefined || signature === undefined) return undefined;
  try {
    const { exp }: { exp?: unknown } = JSON.parse(Buffer.from(claims, "base64url").toString());
    return typeof exp === "number" ? exp : undefined;
  } catch {
    // Three parts, but no claims: some other key, which is not judged by its looks.
    return undefined;
  }
}
