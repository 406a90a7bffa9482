/** A tool call behind an answer's text, in the shapes that are seen of it. */
import type { Json } from "../profiles/dialect.ts";
import { mapChoice, setUsage } from "./dress-frame.ts";
import type { QuirkFields } from "./quirk-fields.ts";

const CALL_ID = "call_sim_1";
const NAME = "get_weather";
const ARGUMENTS = '{"city":"Beijing"}';

/** Puts a call before, or into, the chunks that end an answer. */
export function withToolCall(closing: readonly Json[], { toolCall }: QuirkFields): readonly Json[] {
  const [finish, ...rest] = closing;
  if (toolCall === undefined || finish === undefined) return closing;
  const calling = (call: Json) => callFrame(finish, call);
  switch (toolCall) {
    case "indexed":
      return [calling(named(0, "")), calling(more(ARGUMENTS)), ...closing];
    case "negative":
      return [calling(named(-1, ARGUMENTS)), ...closing];
    case "withFinish":
      return [calling(named(0, "")), withCall(finish, more(ARGUMENTS)), ...rest];
  }
}

function named(index: number, given: string): Json {
  return { index, id: CALL_ID, type: "function", function: { name: NAME, arguments: given } };
}

function more(given: string): Json {
  return { index: 0, function: { arguments: given } };
}

/** A chunk like the last one, before anything is finished. */
function callFrame(finish: Json, call: Json): Json {
  const open = mapChoice(setUsage(finish, undefined), ({ finish_reason, ...choice }) => choice);
  return withCall(open, call);
}

function withCall(frame: Json, call: Json): Json {
  return mapChoice(frame, (choice) => ({ ...choice, delta: { tool_calls: [call] } }));
}
