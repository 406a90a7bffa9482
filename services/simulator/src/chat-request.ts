import { z } from "zod";
import { type Directive, readDirective } from "./directive.ts";
import type { Dialect } from "./profiles/dialect.ts";
import { piecesFor } from "./text/pieces.ts";
import {
  readToolRequest,
  type ToolRequest,
  toolMessageShape,
  toolProblem,
  toolShape,
} from "./tools/tool-request.ts";

const content = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string(), text: z.string().optional() })),
]);

const limit = z.number().int().min(1).nullish();

/** Loose, because the gateway may send what a real provider takes and this one has no use for. */
const schema = z.looseObject({
  model: z.string().min(1),
  messages: z
    .array(z.looseObject({ role: z.string(), content: content.nullish(), ...toolMessageShape }))
    .min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: limit,
  max_completion_tokens: limit,
  /** vLLM's: the last message, an assistant's, is the beginning of the answer. */
  continue_final_message: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  ...toolShape,
});

type Message = z.infer<typeof schema>["messages"][number];

export interface ChatRequest {
  readonly model: string;
  /** The last user message. */
  readonly prompt: string;
  readonly promptTokens: number;
  readonly stream: boolean;
  readonly usageAsked: boolean;
  /** The most pieces to generate. */
  readonly maxPieces: number;
  /** The beginning of the answer, where the request wants it continued. */
  readonly partial: string | undefined;
  /** As it came. */
  readonly body: string;
  readonly directive: Directive;
  readonly tools: ToolRequest;
}

export type ReadChatRequest =
  | { readonly ok: true; readonly request: ChatRequest }
  | {
      readonly ok: false;
      readonly status: 400 | 401 | 404;
      readonly message?: string;
      readonly code?: string | undefined;
    };

/** Judges a request in the order a real provider does: key, form, model, and then our directive. */
export function readChatRequest(
  body: string,
  key: string,
  { keyProblem, fields }: Pick<Dialect, "keyProblem" | "fields">,
): ReadChatRequest {
  const code = keyProblem?.(key);
  if (key === "bad-key" || code !== undefined) return { ok: false, status: 401, code };
  const parsed = schema.safeParse(parseJson(body));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join(".") || "body"}: ${message}`,
    );
    return { ok: false, status: 400, message: problems.join("; ") };
  }
  const { model, messages, stream, stream_options, ...limits } = parsed.data;
  const problem = continuationProblem(parsed.data) ?? toolProblem(messages);
  if (problem !== undefined) return { ok: false, status: 400, message: problem };
  if (model === "missing-model") return { ok: false, status: 404 };
  const prompt = textOf(messages.findLast(({ role }) => role === "user"));
  const read = readDirective(prompt);
  if (!read.ok) return { ok: false, status: 400, message: read.problem };
  const refused = refusedFields(parsed.data, { ...read.directive, fields });
  if (refused.length > 0) {
    const message = `Unsupported parameter(s): ${refused.map((name) => `\`${name}\``).join(", ")}`;
    return { ok: false, status: 400, message };
  }
  return {
    ok: true,
    request: {
      model,
      prompt,
      promptTokens: piecesFor(messages.map(textOf).join("\n")).length,
      stream: stream ?? false,
      usageAsked: stream_options?.include_usage ?? false,
      maxPieces: limits.max_completion_tokens ?? limits.max_tokens ?? Number.POSITIVE_INFINITY,
      partial: limits.continue_final_message ? textOf(messages.at(-1)) : undefined,
      body,
      tools: readToolRequest(parsed.data, textOf),
      directive: read.directive,
    },
  };
}

/** What a strict provider does not document, and what this one is to refuse, in messages as well. */
function refusedFields(
  request: z.infer<typeof schema>,
  { strict, unsupported = [], fields }: Directive & Pick<Dialect, "fields">,
): string[] {
  const names = Object.keys(request);
  const inside = request.messages.flatMap((message) => Object.keys(message));
  return [
    ...names.filter((name) => strict && !fields.includes(name)),
    ...unsupported.filter((name) => [...names, ...inside].includes(name)),
  ];
}

function continuationProblem(request: z.infer<typeof schema>): string | undefined {
  const { messages, continue_final_message, add_generation_prompt } = request;
  if (!continue_final_message) return undefined;
  if (add_generation_prompt ?? true) {
    return "continue_final_message and add_generation_prompt cannot both be true";
  }
  return messages.at(-1)?.role === "assistant" ? undefined : "the final message is no assistant's";
}

function textOf(message: Message | undefined): string {
  const content = message?.content ?? "";
  return typeof content === "string" ? content : content.map(({ text = "" }) => text).join("");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the schema refuses `undefined`, and so the caller gets its 400.
    return undefined;
  }
}
