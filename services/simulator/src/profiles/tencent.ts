/**
 * Tencent TokenHub, the successor of Hunyuan's own endpoint: the reference shape with usage always
 * on, and `note` on every chunk as Hunyuan had it. No capture of its frames is known to us.
 */
import { randomUUID } from "node:crypto";
import type { Dialect, Json, Turn } from "./dialect.ts";
import { openai } from "./openai.ts";
import { tencentError, tencentRefusal } from "./tencent-refusal.ts";

const NOTE = "以上内容为AI生成，不代表开发者立场，请勿删除或修改本标记";

export const tencent: Dialect = {
  streamType: "text/event-stream; charset=utf-8",
  fields: [
    ...["model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p"],
    ...["stop", "seed", "tools", "tool_choice", "response_format", "thinking", "reasoning_effort"],
    ...["enable_thinking", "enable_enhancement", "enable_speed_search", "search_info", "citation"],
  ],
  newId: () => randomUUID().replaceAll("-", ""),
  headers: (requestId) => ({ "x-request-id": requestId }),
  open: (turn, usage) => openai.open(withUsage(turn), usage).map(withNote),
  delta: (turn, delta, usage) => withNote(openai.delta(withUsage(turn), delta, usage)),
  close: (turn, finish, usage) => openai.close(withUsage(turn), finish, usage).map(withNote),
  whole: (turn, answer, usage) => withNote(openai.whole(turn, answer, usage)),
  refusal: tencentRefusal,
  streamError: ({ requestId }, code) => ({
    data: JSON.stringify(tencentError({ status: 502, requestId, code })),
  }),
  model: (id) => ({ ...openai.model(id), owned_by: "tencent", status: "online" }),
};

function withUsage(turn: Turn): Turn {
  return { ...turn, usageAsked: true };
}

function withNote(event: Json): Json {
  return { ...event, system_fingerprint: "", note: NOTE };
}
