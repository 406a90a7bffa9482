/** One question through every door of a gateway, and what each made of the answer. */
import { apiErrorSchema, chatChunkSchema, chatCompletionSchema } from "@openclaw/protocol";
import type { V1Client, V2Client } from "@openclaw/testing";
import { eventsOf } from "./sse.ts";

/** What a client has in the end; what its door cannot tell is left out. */
export interface Had {
  readonly text: string;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly calls?: readonly (readonly [name: string, given: string])[];
  /** Or the code of its failure. */
  readonly finish: string;
  readonly usage?: { readonly input: number; readonly output: number } | null;
}

export async function askV1(client: V1Client, provider: string): Promise<Had> {
  const { text, terminal } = await client.ask("hi", provider);
  return { text, finish: terminal.code ?? terminal.type };
}

export async function askV2(client: V2Client, provider: string): Promise<Had> {
  const run = await client.run("hi", provider);
  const end = await client.end(run);
  const own = client.frames.filter((frame) => "run" in frame && frame.run === run.id);
  const joined = (type: "delta" | "reasoning", refusal?: true) =>
    own
      .map((frame) =>
        frame.type === type && ("refusal" in frame ? frame.refusal : undefined) === refusal
          ? frame.text
          : "",
      )
      .join("");
  const usage = end.type === "done" ? end.usage : undefined;
  return {
    text: joined("delta"),
    reasoning: joined("reasoning"),
    refusal: joined("delta", true),
    finish: end.type === "done" ? end.finish : end.type === "error" ? end.code : end.type,
    usage: usage ? { input: usage.inputTokens, output: usage.outputTokens } : null,
  };
}

/** Over the chat completions API. A failure is told by its code there. */
export async function askChat(
  host: string,
  provider: string,
  { stream, ...more }: { readonly stream: boolean } & Readonly<Record<string, unknown>>,
): Promise<Had> {
  const response = await fetch(`http://${host}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: provider,
      messages: [{ role: "user", content: "hi" }],
      stream,
      ...(stream && { stream_options: { include_usage: true } }),
      ...more,
    }),
  });
  if (!response.ok) return { text: "", finish: codeOf(await response.json()) };
  return stream ? readStream(response) : readWhole(await response.json());
}

async function readStream(response: Response): Promise<Had> {
  const had = { text: "", reasoning: "", refusal: "", finish: "nothing" };
  const calls: [name: string, given: string][] = [];
  let usage: Had["usage"] = null;
  for await (const { data } of eventsOf(response)) {
    if (data === "[DONE]") break;
    const json: unknown = JSON.parse(data);
    if (data.startsWith('{"error"')) return { ...had, calls, usage, finish: codeOf(json) };
    const chunk = chatChunkSchema.parse(json);
    usage = usageOf(chunk.usage) ?? usage;
    const [choice] = chunk.choices;
    had.text += choice?.delta.content ?? "";
    had.reasoning += choice?.delta.reasoning_content ?? "";
    had.refusal += choice?.delta.refusal ?? "";
    had.finish = choice?.finish_reason ?? had.finish;
    for (const { index, function: called } of choice?.delta.tool_calls ?? []) {
      const [name, given] = calls[index] ?? ["", ""];
      calls[index] = [name + (called.name ?? ""), given + (called.arguments ?? "")];
    }
  }
  return { ...had, calls, usage };
}

function readWhole(json: unknown): Had {
  const { choices, usage } = chatCompletionSchema.parse(json);
  const [{ message, finish_reason }] = choices;
  return {
    text: message.content ?? "",
    reasoning: message.reasoning_content ?? "",
    refusal: message.refusal ?? "",
    calls: (message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]),
    finish: finish_reason,
    usage: usageOf(usage) ?? null,
  };
}

function usageOf(usage: { prompt_tokens: number; completion_tokens: number } | null | undefined) {
  return usage ? { input: usage.prompt_tokens, output: usage.completion_tokens } : undefined;
}

function codeOf(json: unknown): string {
  return apiErrorSchema.parse(json).error.code ?? "no code";
}
