/**
 * Removes the nulls of a request before a schema checks it.
 *
 * Libraries and proxies write null for every field that they know and were not given, at every level. Null stays if
 * a field needs a value, so that the refusal names the field. It also stays inside a JSON schema, where null is a
 * value.
 */
type Fields = Readonly<Record<string, unknown>>;
type Tidy = (value: unknown) => unknown;

/** @param kept fields of the request itself whose null the schema checks */
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
    // Two names of one field. Our answers have both, so clients send both back.
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...others,
    // Some servers send an empty list if the model called nothing, and libraries send it back.
    ...(calls !== undefined && !isEmptyList(calls) && { tool_calls: calls }),
  };
}

interface Shape {
  readonly kept?: readonly string[];
  readonly inside?: Readonly<Record<string, Tidy>>;
}

/** Drops the nulls of an object. Any other value stays as it is. */
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

/**
 * Puts the refusal of an earlier turn into words that every provider takes.
 *
 * Libraries send back what they were given: `refusal` in place of `content`, or as a part of it. Hardly any provider
 * knows either form, and many refuse a turn without content.
 */
export function withRefusalAsText(turn: Fields): Fields {
  if (turn.role !== "assistant") return turn;
  const { refusal, content, ...others } = turn;
  if (Array.isArray(content)) return { ...turn, content: content.map(asTextPart) };
  const isRefused = typeof refusal === "string" && refusal !== "" && !content;
  return isRefused ? { ...others, content: refusal } : turn;
}

function asTextPart(part: unknown): unknown {
  if (typeof part !== "object" || part === null || !("type" in part)) return part;
  const isRefusal = part.type === "refusal" && "refusal" in part;
  return isRefusal ? { type: "text", text: part.refusal } : part;
}
