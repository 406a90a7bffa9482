/**
 * What clients send, without what says nothing.
 *
 * Libraries and proxies write null for all that they know and were not given, fields of later releases
 * included, at every level. Where null would have to mean something it stays, to be found right or wrong
 * by name. A JSON schema is left alone: null is a value there.
 */
import { withRefusalAsText } from "./refused-turn.ts";

type Fields = Readonly<Record<string, unknown>>;
type Tidy = (value: unknown) => unknown;

/** @param kept fields of the request itself that are to be judged though they are null */
export function tidyRequest(json: unknown, kept: readonly string[] = []): unknown {
  return fields({ kept, inside: { messages: list(message), tools: list(tool), ...CHOICES } })(json);
}

const tool = fields({ inside: { function: fields() } });
const CHOICES = {
  tool_choice: tool,
  response_format: fields({ inside: { json_schema: fields() } }),
};
const part = fields({ inside: { image_url: fields(), input_audio: fields() } });
const turn = fields({
  kept: ["content"],
  inside: { content: list(part), tool_calls: list(tool) },
});

function message(json: unknown): unknown {
  const said = turn(json);
  if (!isObject(said) || said.role !== "assistant") return said;
  const { reasoning, tool_calls: calls, ...others } = withRefusalAsText(said);
  return {
    // Two names of one thing. An answer of ours has both, so both come back.
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...others,
    // As some servers say that nothing was called.
    ...(calls !== undefined && !isEmptyList(calls) && { tool_calls: calls }),
  };
}

interface Shape {
  readonly kept?: readonly string[];
  readonly inside?: Readonly<Record<string, Tidy>>;
}

/** Drops the nulls of an object. What is none stays as it is. */
function fields({ kept = [], inside = {} }: Shape = {}): Tidy {
  return (json) => {
    if (!isObject(json)) return json;
    const said = Object.entries(json).filter(
      ([name, value]) => value !== null || kept.includes(name),
    );
    return Object.fromEntries(
      said.map(([name, value]) => [
        name,
        Object.hasOwn(inside, name) ? inside[name]?.(value) : value,
      ]),
    );
  };
}

function list(tidy: Tidy): Tidy {
  return (json) => (Array.isArray(json) ? json.map(tidy) : json);
}

function isEmptyList(json: unknown): boolean {
  return Array.isArray(json) && json.length === 0;
}

function isObject(json: unknown): json is Fields {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
