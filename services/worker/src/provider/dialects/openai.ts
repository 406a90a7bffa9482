import { isOn, OPENAI_ITSELF } from "@openclaw/config";
import type { Dialect } from "./dialect.ts";
import { withSystemRole } from "./plain-request.ts";

/** Services that mark the message. Other providers of this kind are self-hosted servers. */
const MESSAGE_MARKS = [
  { domains: ["deepseek.com"], mark: { prefix: true } },
  { domains: ["moonshot.ai", "moonshot.cn", "aliyuncs.com"], mark: { partial: true } },
] as const;

/** Their thinking models need `reasoning_content` between two tool calls. */
const WANTS_REASONING = ["deepseek.com", "moonshot.ai", "moonshot.cn"];

/** OpenAI itself, and servers that follow its specification. */
export const openai: Dialect = {
  requestFields: () => ({ stream_options: { include_usage: true } }),
  // OpenAI's newer models refuse the old name. Hardly any other server knows the new name.
  limitName: ({ baseUrl }) => (isOn(baseUrl, OPENAI_ITSELF) ? "max_completion_tokens" : undefined),
  // The same goes for the role `developer`.
  message: (message, { baseUrl }) =>
    isOn(baseUrl, OPENAI_ITSELF) ? message : withSystemRole(message),
  wantsReasoning: ({ baseUrl }) => isOn(baseUrl, WANTS_REASONING),
  continuation({ baseUrl }) {
    const marked = MESSAGE_MARKS.find(({ domains }) => isOn(baseUrl, domains));
    if (marked) return { message: marked.mark };
    // For vLLM and SGLang. vLLM refuses the first field if the second has its default.
    return { request: { continue_final_message: true, add_generation_prompt: false } };
  },
  codes: {},
};
