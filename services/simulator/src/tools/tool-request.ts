/** The part of a request that is about tools: which there are, which to call, and what they gave. */
import { z } from "zod";

const call = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

/** Of a message. */
export const toolMessageShape = {
  /** An assistant's. */
  tool_calls: z.array(call).nullish(),
  /** A tool's. */
  tool_call_id: z.string().nullish(),
};

/** Of the request. */
export const toolShape = {
  tools: z
    .array(
      z.looseObject({
        /** Absent of a tool that the provider has itself. */
        function: z
          .looseObject({ name: z.string().min(1), parameters: z.unknown().optional() })
          .optional(),
      }),
    )
    .nullish(),
  tool_choice: z
    .union([z.string(), z.looseObject({ function: z.looseObject({ name: z.string() }) })])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
};

interface ToolMessage extends z.infer<z.ZodObject<typeof toolMessageShape>> {
  readonly role: string;
}

interface ToolFields<Message> extends z.infer<z.ZodObject<typeof toolShape>> {
  readonly messages: readonly Message[];
}

/** What a tool gave, and for which call. */
export interface ToolResult {
  readonly name: string;
  readonly arguments: string;
  readonly content: string;
}

export interface ToolRequest {
  readonly offered: readonly { readonly name: string; readonly parameters?: unknown }[];
  readonly choice: "none" | "auto" | "required" | { readonly only: string };
  readonly mayCallMany: boolean;
  /** Of the calls since the last user message: what the answer is to be about. */
  readonly results: readonly ToolResult[];
}

export function readToolRequest<Message extends ToolMessage>(
  { tools, tool_choice, parallel_tool_calls, messages }: ToolFields<Message>,
  textOf: (message: Message) => string,
): ToolRequest {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const calls = callsOf(messages);
  const results = messages
    .slice(asked + 1)
    .filter(({ role }) => role === "tool")
    .map((message) => ({ id: message.tool_call_id, content: textOf(message) }))
    .flatMap(({ id, content }) =>
      calls.filter((made) => made.id === id).map((made) => ({ ...made.function, content })),
    );
  return {
    offered: (tools ?? []).flatMap((tool) => tool.function ?? []),
    choice: choiceOf(tool_choice),
    mayCallMany: parallel_tool_calls ?? true,
    results,
  };
}

/** What OpenAI refuses: a result of no call, or a call without its result. */
export function toolProblem(messages: readonly ToolMessage[]): string | undefined {
  const made = callsOf(messages).map(({ id }) => id);
  const answered = messages.flatMap(({ tool_call_id }) => tool_call_id ?? []);
  if (answered.some((id) => !made.includes(id))) {
    return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'";
  }
  return made.every((id) => answered.includes(id))
    ? undefined
    : "an assistant message with 'tool_calls' must be followed by a tool message for each";
}

function callsOf(messages: readonly ToolMessage[]) {
  return messages.flatMap(({ tool_calls }) => tool_calls ?? []);
}

function choiceOf(given: z.infer<typeof toolShape.tool_choice>): ToolRequest["choice"] {
  if (typeof given === "object" && given !== null) return { only: given.function.name };
  return given === "none" || given === "required" ? given : "auto";
}
