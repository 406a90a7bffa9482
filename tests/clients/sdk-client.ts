/** Our own SDK, which speaks protocol v2: text, reasoning and usage, over a WebSocket. */
import {
  type ChatMessage,
  GatewayClient,
  GatewayError,
  type GatewayErrorCode,
  type RunResult,
} from "@openclaw/client";
import { WebSocket } from "ws";
import type { ChatClient, ClientOptions, Question } from "./chat-client.ts";

/** Protocol v2 has words of its own for what the other clients know under OpenAI's. */
const IN_OPENAI_WORDS: Readonly<Partial<Record<GatewayErrorCode, string>>> = {
  unknown_provider: "model_not_found",
  content_filtered: "content_filter",
  provider_quota: "insufficient_quota",
  // The SDK's user may read on from here, with the new attempt's text.
  restarted: "interrupted",
};

export function createSdkClient({
  baseUrl,
  apiKey,
}: Pick<ClientOptions, "baseUrl" | "apiKey">): ChatClient {
  const url = `${new URL(baseUrl).origin}?api_key=${apiKey}`;
  const client = new GatewayClient({ url, WebSocket });
  const ask = ({ model, messages, temperature }: Question, signal?: AbortSignal) =>
    client.run(messages.map(plain), {
      provider: model,
      ...(temperature !== undefined && { options: { temperature } }),
      ...(signal && { signal }),
    });

  return {
    async stream(question, { onText, signal } = {}) {
      const run = ask(question, signal);
      let text = "";
      for await (const delta of run) {
        text += delta;
        onText?.(delta);
      }
      return { ...answeredOf(await run.result), text };
    },
    whole: async (question) => answeredOf(await ask(question).result),
    refusalOf(error) {
      if (!(error instanceof GatewayError)) throw error;
      const { code, message } = error;
      return { status: undefined, code: IN_OPENAI_WORDS[code] ?? code, message };
    },
    close: () => client.close(),
  };
}

function plain({ role, content }: Question["messages"][number]): ChatMessage {
  if (role === "tool" || role === "developer" || typeof content !== "string") {
    throw new TypeError("protocol v2 has text of the system, the user and the assistant alone");
  }
  return { role, content };
}

function answeredOf({ text, reasoning, usage, finish }: RunResult) {
  return {
    text,
    reasoning,
    calls: [],
    usage: usage ? { input: usage.inputTokens, output: usage.outputTokens } : undefined,
    finish,
  };
}
