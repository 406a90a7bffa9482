/** What a delta or a message says: its content, and the fields beside it that have a part of the answer. */

import type { JsonObject } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";
import { readContent, readThought, type Said } from "./content.ts";
import { notUnderstood } from "./not-understood.ts";

/** Where thinking stands. Some servers fill two of them with the same. */
const THOUGHT_FIELDS = ["reasoning_content", "reasoning", "thinking", "reasoning_text"];
/** The same in parts: beside one of the former, in its place, or behind it. */
const THOUGHT_LISTS = ["reasoning_details", "thinking_blocks"];

/** A part of the answer that cannot be passed on. */
const PICTURES = "images";

const BESIDE_CONTENT = ["refusal", PICTURES, ...THOUGHT_FIELDS, ...THOUGHT_LISTS];

export interface DeltaSaid extends Said {
  /** Its thinking stands in a list alone. */
  readonly isListed?: boolean;
}

/** What a delta or a message says in so many words; tags in its text are text here. */
export function readSaid(delta: JsonObject, fail: Fail): DeltaSaid {
  const content = readContent(delta.content, "content", fail);
  // Nearly every chunk.
  if (BESIDE_CONTENT.every((name) => delta[name] === undefined)) return content;
  const pictures = delta[PICTURES];
  if (Array.isArray(pictures) ? pictures.length > 0 : pictures) {
    throw notUnderstood(fail, PICTURES, pictures);
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

/** Some have a switch of this name instead. */
function thoughtIn(delta: JsonObject, name: string): unknown {
  return typeof delta[name] === "boolean" ? undefined : delta[name];
}

function readLists(delta: JsonObject, fail: Fail): string {
  return once(
    THOUGHT_LISTS.map((name) => (delta[name] ? readThought(delta[name], name, fail) : "")),
  );
}

/** Texts that say the same, or the beginning of it, as one. */
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
