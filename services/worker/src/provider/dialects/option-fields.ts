import type { RunOptions } from "@openclaw/protocol";

/** A run's options as most servers call them. What was not asked for is the server's own default. */
export function optionFields({ temperature, topP, maxTokens, stop }: RunOptions) {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(stop !== undefined && { stop }),
  };
}
