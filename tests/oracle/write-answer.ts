/** Writes a planned answer as events, the way a provider of that manner does. */
import { looksGrown, type Plan, piecesOf } from "./plan.ts";
import { callDeltas, wholeCalls } from "./write-calls.ts";
import { contentOf, taggedContent, thoughtDelta } from "./write-content.ts";
import { planted, WHAT_IS_MORE } from "./write-faults.ts";

type Json = Readonly<Record<string, unknown>>;

const OTHER = "≠≠≠";

/** The values of all events, but for the end marker. */
export function writeEvents(plan: Plan): readonly unknown[] {
  const deltas = fill(plan, deltasOf(plan));
  const wholes = plan.again === "never" ? [] : [completionOf(plan)];
  const chunks = withEnding(
    plan,
    soFar(plan, deltas).map(([delta, all]) => chunkOf(plan, delta, all)),
  );
  const said = plan.form === "lists" ? chunks.map((chunk) => [chunk]) : planted(plan, chunks);
  return [...said, ...wholes, ...usageBehind(plan)];
}

/** The one value of a body without events. */
export function completionOf(plan: Plan): Json {
  const choice = { index: 0, message: messageOf(plan), finish_reason: wordOf(plan) };
  const isIn = plan.usage.place === "each" || (plan.body === "json" && plan.usage.place !== "none");
  return {
    id: "1",
    object: "chat.completion",
    model: "m",
    choices: [choice],
    ...(isIn ? usageField(plan) : {}),
  };
}

function deltasOf(plan: Plan): Json[] {
  const { said, cuts, refusing } = plan;
  const refusals = piecesOf(said.refusal, cuts.text).map((refusal) =>
    refusing === "field" ? { refusal } : { content: [{ type: "refusal", refusal }] },
  );
  return [...spoken(plan), ...refusals, ...callDeltas(plan)];
}

/** Thinking and text. */
function spoken(plan: Plan): Json[] {
  const { said, cuts, thinking } = plan;
  const thoughts = piecesOf(said.thought, cuts.thought);
  const plain = piecesOf(said.text, cuts.text).map((piece, at) => ({
    content: contentOf(plan, piece, at),
  }));
  if (said.thought === "") return plain;
  const tagged = piecesOf(taggedContent(plan), [...cuts.text, ...cuts.thought]).map(
    (piece, at) => ({
      content: contentOf(plan, piece, at),
    }),
  );
  const fields = thoughts.map((piece) => thoughtDelta(plan, piece));
  if (thinking === "tags") return tagged;
  if (thinking === "field, then tags") return [...fields, ...tagged];
  if (thinking !== "field and tags") return [...fields, ...plain];
  // A server that copies does so piece by piece.
  const copies = thoughts.map((piece, at) => ({
    ...fields[at],
    content: `${at === 0 ? "<think>" : ""}${piece}`,
  }));
  return [...copies, { content: `</think>${said.text}` }];
}

function messageOf(plan: Plan): Json {
  const { said, again, thinking } = plan;
  const hasTags = thinking === "tags" && said.thought !== "";
  const more = again === "more" ? WHAT_IS_MORE : "";
  const text = again === "other" ? `${OTHER}${said.text}` : `${said.text}${more}`;
  const content = hasTags ? taggedContent(plan, text) : text;
  return {
    role: "assistant",
    content:
      content === "" ? null : contentOf(plan, again === "trimmed" ? content.trim() : content, 0),
    ...(said.thought === "" || hasTags ? {} : { reasoning_content: said.thought }),
    ...(said.refusal === "" ? {} : { refusal: said.refusal }),
    ...wholeCalls(plan),
  };
}

/** Deltas that say nothing, among the others. */
function fill({ fillers, role }: Plan, deltas: readonly Json[]): Json[] {
  const filled = [...(role ? [{ role: "assistant", content: "" }] : []), ...deltas];
  const empty: Readonly<Record<string, Json>> = {
    empty: { content: "" },
    null: { content: null },
    bare: {},
  };
  for (const { at, kind } of fillers)
    filled.splice(Math.min(at, filled.length), 0, empty[kind] ?? {});
  return filled;
}

/** Each delta with all text up to it, which it has in place of its own where the plan says so. */
function soFar({ form, content }: Plan, deltas: readonly Json[]): [delta: Json, all: string][] {
  let all = "";
  const alls = deltas.map((delta) => {
    all += typeof delta.content === "string" ? delta.content : "";
    return all;
  });
  // Only three in a row of some signs can be told from a refrain.
  const grown = [...new Set(alls)].filter((one) => one !== "");
  const isTold = looksGrown(grown.slice(0, 3));
  const grows = form === "growing" && content === "text" && isTold;
  return deltas.map((delta, at) => {
    const own =
      grows && typeof delta.content === "string" && delta.content !== ""
        ? { content: alls[at] }
        : {};
    return [{ ...delta, ...own }, alls[at] ?? ""];
  });
}

function chunkOf(plan: Plan, delta: Json, all: string): Json {
  const none = plan.noReason === undefined ? {} : { finish_reason: plan.noReason };
  const head = { id: "1", object: "chat.completion.chunk", created: 1, model: "m" };
  if (plan.form === "messages")
    return { ...head, choices: [{ index: 0, message: delta, ...none }] };
  if (plan.form === "texts")
    return { ...head, choices: [{ index: 0, text: delta.content ?? "", ...none }] };
  const beside =
    plan.form === "both" && plan.content === "text"
      ? { message: { role: "assistant", content: all } }
      : {};
  return { ...head, choices: [{ index: 0, delta, ...beside, ...none }] };
}

function withEnding(plan: Plan, said: readonly Json[]): Json[] {
  const chunks = [...said];
  const isEndless = plan.fault === "no reason" || plan.fault === "half event";
  if (plan.finish !== "merged" || chunks.length === 0) chunks.push(chunkOf(plan, {}, ""));
  const last = chunks.length - 1;
  const reasons = {
    alone: [last],
    merged: [last],
    each: [...chunks.keys()],
    twice: [last, last + 1],
  }[plan.finish];
  if (plan.finish === "twice") chunks.push(chunkOf(plan, {}, ""));
  const { place, input, output } = plan.usage;
  return chunks.map((chunk, at) => {
    const reason = reasons.includes(at) && !isEndless ? { finish_reason: wordOf(plan) } : {};
    const end = at === chunks.length - 1;
    const share = end
      ? plan
      : { ...plan, usage: { ...plan.usage, input, output: Math.min(at, output) } };
    const usage =
      place === "each" || (end && ["merged", "groq", "choice", "delta"].includes(place))
        ? usageField(share)
        : {};
    const isInside = place === "choice" || place === "delta";
    const top = place === "groq" && end ? { x_groq: usage } : isInside ? {} : usage;
    const choices = (chunk.choices as readonly Json[]).map((choice) => ({
      ...choice,
      ...reason,
      ...(place === "choice" || (isInside && !choice.delta) ? usage : {}),
      ...(place === "delta" && choice.delta ? { delta: { ...choice.delta, ...usage } } : {}),
    }));
    return { ...chunk, choices, ...top };
  });
}

function usageBehind(plan: Plan): Json[] {
  if (plan.usage.place !== "alone") return [];
  return [
    {
      id: "1",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [],
      ...usageField(plan),
    },
  ];
}

function usageField({ usage: { names, input, output } }: Plan): Json {
  const total_tokens = input + output;
  const usage = {
    openai: { prompt_tokens: input, completion_tokens: output, total_tokens },
    input: { input_tokens: input, output_tokens: output },
    total: { prompt_tokens: input, total_tokens },
    texts: { prompt_tokens: String(input), completion_tokens: String(output) },
    Pascal: { PromptTokens: input, CompletionTokens: output, TotalTokens: total_tokens },
    camel: { promptTokens: input, completionTokens: output },
    uncounted: { prompt_tokens: -1, completion_tokens: -1, total_tokens: -1 },
  }[names];
  return { usage };
}

function wordOf({ word, said, fault, calling }: Plan): string {
  if (fault === "failing word") return "error";
  const isCalling = said.calls.length > 0;
  const usual = calling === "function_call" ? "function_call" : "tool_calls";
  const words = {
    usual: isCalling ? usual : "stop",
    other: isCalling ? "stop" : "End_Turn",
    full: "model_context_window_exceeded",
    length: "length",
    max_tokens: "max_tokens",
    content_filter: "content_filter",
  };
  return words[word];
}
