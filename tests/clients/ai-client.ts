/** Vercel's `ai` with `@ai-sdk/openai-compatible`. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { ConversationMessage } from "@openclaw/protocol";
import {
  APICallError,
  type AssistantContent,
  generateText,
  jsonSchema,
  type LanguageModelUsage,
  type ModelMessage,
  Output,
  RetryError,
  streamText,
  type ToolResultPart,
  type TypedToolCall,
  tool,
  type UserContent,
} from "ai";
import {
  type Answered,
  type ChatClient,
  type ClientOptions,
  type Question,
  textOf,
} from "./chat-client.ts";

type AssistantMessage = Extract<ConversationMessage, { role: "assistant" }>;
type ToolMessage = Extract<ConversationMessage, { role: "tool" }>;

export function createAiClient({ baseUrl, apiKey, fetch, maxRetries }: ClientOptions): ChatClient {
  const provider = (includeUsage: boolean) =>
    createOpenAICompatible({ name: "openclaw", baseURL: baseUrl, apiKey, fetch, includeUsage });
  const asked = (question: Question) => ({
    model: provider(question.wantsUsage === true)(question.model),
    messages: messagesOf(question.messages),
    allowSystemInMessages: true,
    ...(question.tools && { tools: toolsOf(question.tools) }),
    ...(question.temperature !== undefined && { temperature: question.temperature }),
    ...(maxRetries !== undefined && { maxRetries }),
  });

  return {
    async stream(question, { onText, signal } = {}) {
      let failure: unknown;
      const result = streamText({
        ...asked(question),
        ...(signal && { abortSignal: signal }),
        onError: ({ error }) => {
          failure = error;
        },
      });
      for await (const part of result.fullStream) {
        if (part.type === "text-delta") onText?.(part.text);
        // It ends a stream for either reason without rejecting.
        if (part.type === "abort") throw signal?.reason;
        if (part.type === "error") throw failure;
      }
      const [text, reasoning, calls, usage, finish] = await Promise.all([
        result.text,
        result.reasoningText,
        result.toolCalls,
        result.usage,
        result.finishReason,
      ]);
      return answeredOf({ text, reasoning, calls, usage, finish });
    },

    async whole(question) {
      const result = await generateText({
        ...asked(question),
        ...(question.wantsJson && { output: Output.json() }),
      });
      const { text, reasoningText, toolCalls, usage, finishReason } = result;
      return answeredOf({
        text,
        reasoning: reasoningText,
        calls: toolCalls,
        usage,
        finish: finishReason,
      });
    },

    refusalOf(error) {
      const last = RetryError.isInstance(error) ? error.lastError : error;
      if (APICallError.isInstance(last)) {
        const { statusCode, responseBody, message } = last;
        const body: { error?: unknown } = JSON.parse(responseBody ?? "{}");
        return { status: statusCode, code: textOf(body.error, "code"), message };
      }
      // Within a stream it gives the error object of the event as it came.
      return {
        status: undefined,
        code: textOf(last, "code"),
        message: textOf(last, "message") ?? "",
      };
    },
  };
}

function toolsOf(tools: NonNullable<Question["tools"]>) {
  return Object.fromEntries(
    tools.map(({ function: { name, description, parameters } }) => [
      name,
      tool({ description, inputSchema: jsonSchema(parameters ?? {}) }),
    ]),
  );
}

function messagesOf(messages: readonly ConversationMessage[]): ModelMessage[] {
  return messages.map((message) => messageOf(message, messages));
}

function messageOf(
  message: ConversationMessage,
  all: readonly ConversationMessage[],
): ModelMessage {
  switch (message.role) {
    case "user":
      return { role: "user", content: userContentOf(message.content) };
    case "assistant":
      return { role: "assistant", content: assistantContentOf(message) };
    case "tool":
      return { role: "tool", content: [resultOf(message, all)] };
    default:
      return { role: "system", content: plain(message.content) };
  }
}

function assistantContentOf({ content, tool_calls: calls }: AssistantMessage): AssistantContent {
  if (calls === undefined) return plain(content);
  return calls.map(({ id, function: called }) => ({
    type: "tool-call",
    toolCallId: id,
    toolName: called.name,
    input: JSON.parse(called.arguments),
  }));
}

/** It wants to be told again which tool was called. */
function resultOf(
  { tool_call_id: toolCallId, content }: ToolMessage,
  all: readonly ConversationMessage[],
): ToolResultPart {
  const calls = all.flatMap((other) =>
    other.role === "assistant" ? (other.tool_calls ?? []) : [],
  );
  const toolName = calls.find(({ id }) => id === toolCallId)?.function.name ?? "";
  const output = { type: "text", value: plain(content) } as const;
  return { type: "tool-result", toolCallId, toolName, output };
}

function userContentOf(
  content: Extract<ConversationMessage, { role: "user" }>["content"],
): UserContent {
  if (typeof content === "string") return content;
  return content.map((part) => {
    if (part.type === "text") return part;
    if (part.type !== "image_url") throw new TypeError(`no test asks with ${part.type}`);
    return { type: "image", image: part.image_url.url };
  });
}

function plain(content: string | readonly { readonly text: string }[] | null | undefined): string {
  if (typeof content === "string") return content;
  return (content ?? []).map(({ text }) => text).join("");
}

function answeredOf(result: {
  readonly text: string;
  readonly reasoning: string | undefined;
  readonly calls: readonly TypedToolCall<ReturnType<typeof toolsOf>>[];
  readonly usage: LanguageModelUsage;
  readonly finish: string;
}): Answered {
  const { inputTokens: input, outputTokens: output } = result.usage;
  return {
    text: result.text,
    reasoning: result.reasoning ?? "",
    calls: result.calls.map(({ toolCallId, toolName, input }) => ({
      id: toolCallId,
      name: toolName,
      arguments: input,
    })),
    usage: input !== undefined && output !== undefined ? { input, output } : undefined,
    finish: result.finish.replaceAll("-", "_"),
  };
}
