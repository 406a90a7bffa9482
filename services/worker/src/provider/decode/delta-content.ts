/** The content of a delta or a message, with the fields beside `content` that hold a part of the answer. */
import type { JsonObject } from "../contract/json.ts";
import { type Fail, malformed } from "../contract/provider-error.ts";
import { type Content, readContent, readThought } from "./content.ts";

/** Fields with thinking. Some servers fill two of them with the same. */
const THOUGHT_FIELDS = ["reasoning_content", "reasoning", "thinking", "reasoning_text"];
/** The same in parts: beside one of these fields, instead of it, or behind it. */
const THOUGHT_LISTS = ["reasoning_details", "thinking_blocks"];

/** A part of the answer that this gateway cannot pass on. */
const PICTURES = "images";

const BESIDE_CONTENT = ["refusal", PICTURES, ...THOUGHT_FIELDS, ...THOUGHT_LISTS];

export interface DeltaContent extends Content {
  /** Only a list has its thinking. */
  readonly isListed?: boolean;
}

/** Tags in the text are text here. @throws ProviderError for a form that is not known */
export function readDelta(delta: JsonObject, fail: Fail): DeltaContent {
  const content = readContent(delta.content, "content", fail);
  // Nearly every chunk.
  if (BESIDE_CONTENT.every((name) => delta[name] === undefined)) return content;
  const pictures = delta[PICTURES];
  if (Array.isArray(pictures) ? pictures.length > 0 : pictures) {
    throw malformed(fail, PICTURES, pictures);
  }
  const refusal = delta.refusal === false ? undefined : delta.refusal;
  const refused = readContent(refusal, "refusal", fail);
  const fields = THOUGHT_FIELDS.map((name) => readThought(thoughtIn(delta, name), name, fail));
  const thoughts = once([...fields, content.reasoning]);
  const isListed = thoughts === "";
  return {
    text: content.text,
    reasoning: isListed ? readLists(delta, fail) : thoughts,
    isListed,
    refusal: once([refused.refusal + refused.text, content.refusal]),
  };
}

/** Some providers have a switch of this name instead. */
function thoughtIn(delta: JsonObject, name: string): unknown {
  return typeof delta[name] === "boolean" ? undefined : delta[name];
}

function readLists(delta: JsonObject, fail: Fail): string {
  return once(
    THOUGHT_LISTS.map((name) => (delta[name] ? readThought(delta[name], name, fail) : "")),
  );
}

/** Joins texts, without those that repeat another one or its beginning. */
function once(texts: readonly string[]): string {
  const some = texts.filter((text) => text !== "");
  if (some.length < 2) return some[0] ?? "";
  return some
    .filter((text, at) => {
      const others = some.filter((other, place) => place !== at && other.startsWith(text));
      return others.every((other) => other === text && some.indexOf(text) === at);
    })
    .join("");
}
