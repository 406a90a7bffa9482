/** `@langchain/openai`, which puts retries and errors of its own around the `openai` package. */
import { AIMessage, type AIMessageChunk, type BaseMessageLike } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import type { ConversationMessage } from "@openclaw/protocol";
import {
  type Answered,
  type ChatClient,
  type ClientOptions,
  fieldOf,
  type Question,
  textOf,
} from "./chat-client.ts";

export function createLangChainClient({
  baseUrl,
  apiKey,
  fetch,
  maxRetries,
}: ClientOptions): ChatClient {
  function modelFor({ model, temperature, tools, wantsJson, wantsUsage }: Question) {
    const chat = new ChatOpenAI({
      model,
      apiKey,
      configuration: { baseURL: baseUrl, fetch },
      streamUsage: wantsUsage === true,
      ...(temperature !== undefined && { temperature }),
      ...(maxRetries !== undefined && { maxRetries }),
    });
    return chat.withConfig({
      ...(tools && { tools }),
      ...(wantsJson && { response_format: { type: "json_object" } }),
    });
  }

  return {
    async stream(question, { onText, signal } = {}) {
      const stream = await modelFor(question).stream(messagesOf(question.messages), { signal });
      let whole: AIMessageChunk | undefined;
      for await (const chunk of stream) {
        if (chunk.text !== "") onText?.(chunk.text);
        whole = whole === undefined ? chunk : whole.concat(chunk);
      }
      return answeredOf(whole);
    },

    async whole(question) {
      return answeredOf(await modelFor(question).invoke(messagesOf(question.messages)));
    },

    refusalOf(error) {
      // An error of LangChain's own has the library's as its cause.
      const origin =
        fieldOf(error, "status") === undefined ? (fieldOf(error, "cause") ?? error) : error;
      const status = fieldOf(origin, "status");
      return {
        status: typeof status === "number" ? status : undefined,
        code: textOf(origin, "code"),
        message: error instanceof Error ? error.message : String(error),
      };
    },
  };
}

function messagesOf(messages: readonly ConversationMessage[]): BaseMessageLike[] {
  return messages.map((message): BaseMessageLike => {
    if (message.role !== "assistant" || message.tool_calls === undefined) {
      // It reads messages in OpenAI's form.
      return message as BaseMessageLike;
    }
    const calls = message.tool_calls.map(({ id, function: called }) => ({
      id,
      name: called.name,
      args: JSON.parse(called.arguments),
    }));
    return new AIMessage({ content: "", tool_calls: calls });
  });
}

function answeredOf(message: AIMessage | AIMessageChunk | undefined): Answered {
  const usage = message?.usage_metadata;
  return {
    text: message?.text ?? "",
    reasoning: textOf(message?.additional_kwargs, "reasoning_content") ?? "",
    calls: (message?.tool_calls ?? []).map(({ id = "", name, args }) => ({
      id,
      name,
      arguments: args,
    })),
    usage: usage && { input: usage.input_tokens, output: usage.output_tokens },
    finish: textOf(message?.response_metadata, "finish_reason"),
  };
}
