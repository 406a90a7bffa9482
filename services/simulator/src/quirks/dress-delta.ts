/** Other forms of what a delta says: the same answer in other fields. */
import type { Json } from "../profiles/dialect.ts";
import type { QuirkFields } from "./quirk-fields.ts";

const asText = (text: unknown) => [{ type: "text", text }];
const asThought = (text: unknown) => [{ type: "thinking", thinking: asText(text) }];

export function dressDelta(delta: Json, { reasoningAs, contentAs, callsAs }: QuirkFields): Json {
  const thoughtful = reasoningAs === undefined ? delta : withThought(delta, reasoningAs);
  const said = contentAs === undefined ? thoughtful : withContent(thoughtful, contentAs);
  return callsAs === "function_call" ? withFunctionCall(said) : said;
}

function withThought(delta: Json, as: NonNullable<QuirkFields["reasoningAs"]>): Json {
  const { reasoning_content: thought, ...rest } = delta;
  if (thought === undefined) return delta;
  if (as === "reasoning") return { ...rest, reasoning: thought };
  if (as === "both") return { ...delta, reasoning: thought };
  // Empty thinking beside text leaves the text what it is.
  return as === "parts" && thought !== "" ? { ...rest, content: asThought(thought) } : delta;
}

function withContent(delta: Json, as: NonNullable<QuirkFields["contentAs"]>): Json {
  const { content, ...rest } = delta;
  if (typeof content !== "string" || content === "") return delta;
  return as === "parts" ? { ...rest, content: asText(content) } : { ...rest, refusal: content };
}

/** One call is all that the older form has room for. */
function withFunctionCall(delta: Json): Json {
  const { tool_calls, ...rest } = delta;
  const [call] = Array.isArray(tool_calls) ? tool_calls : [];
  return call === undefined ? delta : { ...rest, function_call: call.function };
}
