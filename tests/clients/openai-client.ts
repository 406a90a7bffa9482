/** The `openai` package. Streams through its strict helper, which checks what it puts together. */
import OpenAI, { APIError } from "openai";
import type { ChatCompletionMessage } from "openai/resources/chat/completions";
import type { ChatCompletionCreateParamsBase } from "openai/resources/chat/completions/completions";
import {
  type Answered,
  type ChatClient,
  type ClientOptions,
  type Question,
  textOf,
} from "./chat-client.ts";

export function createOpenAIClient({
  baseUrl,
  apiKey,
  fetch,
  maxRetries,
}: ClientOptions): ChatClient {
  const client = new OpenAI({
    baseURL: baseUrl,
    apiKey,
    fetch,
    ...(maxRetries !== undefined && { maxRetries }),
  });

  return {
    async stream(question, { onText, signal } = {}) {
      const stream = client.chat.completions.stream(
        {
          ...bodyOf(question),
          stream: true,
          ...(question.wantsUsage && { stream_options: { include_usage: true } }),
        },
        { signal },
      );
      let reasoning = "";
      for await (const { choices } of stream) {
        const delta = choices[0]?.delta;
        // The field is not OpenAI's own, so its types do not have it.
        reasoning += textOf(delta, "reasoning_content") ?? "";
        if (delta?.content) onText?.(delta.content);
      }
      const { choices, usage } = await stream.finalChatCompletion();
      const [choice] = choices;
      return answeredOf(choice?.message, choice?.finish_reason, usage, reasoning);
    },

    async whole(question) {
      const { choices, usage } = await client.chat.completions.create({
        ...bodyOf(question),
        stream: false,
      });
      const [choice] = choices;
      const reasoning = textOf(choice?.message, "reasoning_content") ?? "";
      return answeredOf(choice?.message, choice?.finish_reason, usage, reasoning);
    },

    async models() {
      const names: string[] = [];
      for await (const { id } of client.models.list()) names.push(id);
      return names;
    },

    refusalOf(error) {
      if (!(error instanceof APIError)) throw error;
      const { status, code, message } = error;
      return { status, code: code ?? undefined, message };
    },
  };
}

function bodyOf({ model, messages, tools, wantsJson, temperature }: Question) {
  return {
    model,
    // Its types tell text from other parts by role more finely than the API does.
    messages: [...messages] as ChatCompletionCreateParamsBase["messages"],
    ...(tools && { tools }),
    ...(wantsJson && { response_format: { type: "json_object" as const } }),
    ...(temperature !== undefined && { temperature }),
  };
}

function answeredOf(
  message: ChatCompletionMessage | undefined,
  finish: string | undefined,
  usage: OpenAI.CompletionUsage | undefined,
  reasoning: string,
): Answered {
  const calls = (message?.tool_calls ?? []).flatMap((call) =>
    call.type === "function"
      ? [{ id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) }]
      : [],
  );
  return {
    text: message?.content ?? "",
    reasoning,
    calls,
    usage: usage && { input: usage.prompt_tokens, output: usage.completion_tokens },
    finish,
  };
}
