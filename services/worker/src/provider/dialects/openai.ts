import { isOn } from "@openclaw/config";
import type { Dialect } from "./dialect.ts";
import { withSystemRole } from "./messages.ts";
import { optionFields } from "./option-fields.ts";

/** Services that mark the message; the others of this kind are servers one runs oneself. */
const MESSAGE_MARKS = [
  { domains: ["deepseek.com"], mark: { prefix: true } },
  { domains: ["moonshot.ai", "moonshot.cn", "aliyuncs.com"], mark: { partial: true } },
] as const;

/**
 * OpenAI itself. Its newer models refuse the old name of the limit, hardly any other server knows the new
 * one; the same goes for the role `developer`.
 */
const OPENAI_ITSELF = ["openai.com", "openai.azure.com"];

/** OpenAI itself, and servers that follow its specification. */
export const openai: Dialect = {
  requestFields: () => ({ stream_options: { include_usage: true } }),
  optionFields({ maxTokens, ...others }, { baseUrl }) {
    if (maxTokens === undefined || !isOn(baseUrl, OPENAI_ITSELF)) {
      return optionFields({ maxTokens, ...others });
    }
    return { ...optionFields(others), max_completion_tokens: maxTokens };
  },
  message(message, { baseUrl }) {
    if (!isOn(baseUrl, OPENAI_ITSELF)) return withSystemRole(message);
    if (message.role !== "assistant") return message;
    // Other people's field: refused, and its models would not read it.
    const { reasoning_content: _, ...known } = message;
    return known;
  },
  continuation({ baseUrl }) {
    const marked = MESSAGE_MARKS.find(({ domains }) => isOn(baseUrl, domains));
    if (marked) return { message: marked.mark };
    // vLLM and SGLang. vLLM refuses the one while the other is left at its default.
    return { request: { continue_final_message: true, add_generation_prompt: false } };
  },
  codes: {},
};
