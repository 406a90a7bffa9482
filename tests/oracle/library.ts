/** The second opinion: what the official `openai` library accumulates from the same bytes, without a network. */
import OpenAI from "openai";
import type { Right } from "./right-answer.ts";
import type { Body } from "./write-bytes.ts";

const QUESTION = { model: "m", messages: [{ role: "user" as const, content: "?" }] };

let body: Uint8Array = new Uint8Array();

/** One for all streams, which are asked about one by one: to make it takes longer than to ask it. */
const client = new OpenAI({
  apiKey: "x",
  baseURL: "http://127.0.0.1:9/v1",
  maxRetries: 0,
  logLevel: "off",
  fetch: async () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
});

export async function askLibrary({ plain }: Body): Promise<Right> {
  body = plain;
  try {
    return answerOf(await client.chat.completions.stream(QUESTION).finalChatCompletion());
  } catch (error) {
    // All its failures are one here: the codes are ours.
    if (error instanceof Error) return { code: "failed" };
    throw error;
  }
}

function answerOf({ choices, usage }: OpenAI.Chat.ChatCompletion): Right {
  const [choice] = choices;
  if (choice === undefined) return { code: "failed" };
  // What it does not know stands there as it came.
  const message = choice.message as typeof choice.message & {
    reasoning_content?: string;
    reasoning?: string;
  };
  const calls = message.function_call
    ? [{ id: "", function: message.function_call }]
    : (message.tool_calls ?? []);
  return {
    text: message.content ?? "",
    reasoning: message.reasoning_content ?? message.reasoning ?? "",
    refusal: message.refusal ?? "",
    calls: calls.map((call) => {
      if (!("function" in call)) throw new Error("a call of no function");
      return [call.id, call.function.name, call.function.arguments] as const;
    }),
    finish: choice.finish_reason === "function_call" ? "tool_calls" : choice.finish_reason,
    usage: usage
      ? { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens }
      : undefined,
  };
}
